"""Keys, and where their values were set."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Key = tuple[str, ...]

DEFAULT = "default"


class Setting(NamedTuple):
    """A value and where it was set, as messages print it.

    Such as "default", "recipe nvgesture (mmbal-nvgesture 0.1.0)", "run.toml:12" or
    "--set strategy.tolerance=0.1".
    """

    value: Any
    origin: str


class Override(NamedTuple):
    """One option of the command line: a dotted key, its value and the option as typed."""

    key: str
    value: Any
    origin: str


def dotted(key: Sequence[object]) -> str:
    """Return a key as users type it."""
    return ".".join(map(str, key))


def undotted(text: str) -> Key:
    """Return the key that users typed."""
    return tuple(text.split("."))
