"""Where values were set."""

from typing import Any, NamedTuple

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
