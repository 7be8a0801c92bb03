"""One branch is trained at a time."""
