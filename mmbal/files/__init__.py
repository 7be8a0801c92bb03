"""Files that are whole or absent, locked while written, and trusted with nothing."""
