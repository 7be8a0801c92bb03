"""Paths as users type them."""

from pathlib import Path


def at_home(path: Path) -> Path:
    """Return a path with the home that `~` or `~user` in front stands for.

    Raises:
        ValueError: no such home is known.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        problem = f"no home directory is known for {path.parts[0]!r} in {str(path)!r}"
        raise ValueError(f"{problem}; ./{path} is a folder of that name") from None
