"""What was typed -> axes, and every combination of their alternatives."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress, product

from mmbal.config.assignment import parse_assignment
from mmbal.config.layering import COMPONENTS
from mmbal.config.origin import Override
from mmbal.errors import ConfigError

Point = tuple[Override, ...]

# More is a mistyped range sooner than a wish.
MOST_TRIALS = 10_000

_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
# A quoted text, or one letter.
_PIECE = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|.""", re.DOTALL)
_OPEN, _CLOSE = "[{", "]}"


@dataclass(frozen=True)
class Axis:
    """Alternatives of which every trial takes one.

    Args:
        alternatives: what each of them sets: one key, or several for a row of a file.
        listed: whether the alternatives are rows of a file, which have names of their own.
    """

    alternatives: tuple[Point, ...]
    listed: bool = False

    @property
    def varies(self) -> bool:
        """Tell whether the alternatives belong into the name of a trial."""
        return self.listed or len(self.alternatives) > 1


def fixed(key: str, value: object, origin: str) -> Axis:
    """Return an axis with one alternative."""
    return Axis(((Override(key, value, origin),),))


def assignment_axis(text: str) -> Axis:
    """Read `strategy.tolerance=0.01,0.02`: one alternative per value.

    Commas part values unless they stand inside quotes or brackets, so one list is one value
    and `["a"],["a","b"]` are two.

    Raises:
        ConfigError: there is no `=`, or a value is empty or cut short.
    """
    key, equals, values = text.partition("=")
    parts = _split(values) if equals else []
    if len(parts) < 2:
        return Axis(((parse_assignment(text),),))
    if not all(part.strip() for part in parts):
        raise ConfigError(f"--set {text}: a value between the commas is empty")
    each = (parse_assignment(f"{key}={part}") for part in parts)
    return Axis(tuple((override,) for override in each))


def strategy_axis(text: str) -> Axis:
    """Read `guided,vanilla`.

    Raises:
        ConfigError: a name is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ConfigError(f"--strategy must be names between commas, received {text!r}")
    return Axis(tuple((Override("strategy", name, f"--strategy {name}"),) for name in names))


def seed_axis(text: str) -> Axis:
    """Read `0-4`, `0,2,5` or `0-2,7`; a range has both its ends.

    Raises:
        ConfigError: it is neither.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last:
            rule = "numbers and rising ranges, such as 0-4 or 0,2,5"
            raise ConfigError(f"--seeds must be {rule}, received {text!r}")
        if last - first >= MOST_TRIALS:
            raise _too_many(last - first + 1, f"--seeds {text}")
        seeds += range(first, last + 1)
    return Axis(tuple((Override("seed", seed, f"--seeds {text}"),) for seed in seeds))


def points(axes: Sequence[Axis]) -> list[tuple[Point, Point]]:
    """Return every combination: all that it sets, and the part of it that varies.

    The first axes vary slowest.

    Raises:
        ConfigError: two axes set the same, or there are too many combinations.
    """
    _refuse_conflicts(axes)
    count = math.prod(len(axis.alternatives) for axis in axes)
    if count > MOST_TRIALS:
        raise _too_many(count, "the sweep")
    varies = [axis.varies for axis in axes]
    return [
        (tuple(chain(*chosen)), tuple(chain(*compress(chosen, varies))))
        for chosen in product(*(axis.alternatives for axis in axes))
    ]


def canonical(key: str) -> str:
    """Return a key with `strategy.name` and the like in their short form."""
    section, _, rest = key.partition(".")
    return section if section in COMPONENTS and rest == "name" else key


def _refuse_conflicts(axes: Sequence[Axis]) -> None:
    seen: dict[str, tuple[int, Override]] = {}
    for number, axis in enumerate(axes):
        for override in (each for point in axis.alternatives for each in point):
            other, first = seen.setdefault(canonical(override.key), (number, override))
            if other != number:
                raise ConfigError(
                    f"{override.origin}: {canonical(override.key)} is also set by "
                    f"{first.origin}; give all its values at one place, between commas"
                )


def _too_many(count: int, where: str) -> ConfigError:
    return ConfigError(f"{where}: at most {MOST_TRIALS} trials, received {count}")


def _split(text: str) -> list[str]:
    """Split at the commas outside of quotes and brackets."""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece in _OPEN) - (piece in _CLOSE)
        if piece == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts
