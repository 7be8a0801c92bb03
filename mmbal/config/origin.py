"""Where a value was set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Layer = Literal["default", "recipe", "file", "option"]
_LAYERS: tuple[Layer, ...] = ("default", "recipe", "file", "option")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """The layer a value comes from and the place in it.

    Args:
        layer: default, recipe, file or option, from weakest to strongest.
        place: as messages print it: "default", "recipe nvgesture (mmbal-nvgesture 0.1.0)",
            "run.toml:12" or "--set strategy.tolerance=0.1".
    """

    layer: Layer
    place: str

    def __str__(self) -> str:
        return self.place

    @property
    def strength(self) -> int:
        """Tell which of two origins is the one that users change first: the larger."""
        return _LAYERS.index(self.layer)


DEFAULT = Origin("default", "default")


class Setting(NamedTuple):
    """A value and where it was set."""

    value: Any
    origin: Origin


class Override(NamedTuple):
    """One option of the command line: a dotted key, its value and the option as typed."""

    key: str
    value: Any
    origin: str

    def locate(self, _: Key) -> Origin:
        """Return where all that it sets was set."""
        return Origin("option", " ".join(self.origin.split()))


def dotted(key: Sequence[object]) -> str:
    """Return a key as users type it."""
    return ".".join(map(str, key))


def undotted(text: str) -> Key:
    """Return the key that users typed."""
    return tuple(text.split("."))
