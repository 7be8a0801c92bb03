"""Records -> tables and plots."""
