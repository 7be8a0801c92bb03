"""Whether this machine can do what mmbal needs, and whether replicas agree on it."""
