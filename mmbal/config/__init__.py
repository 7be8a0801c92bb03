"""Recipe defaults < TOML file < command line; every value knows where it was set."""
