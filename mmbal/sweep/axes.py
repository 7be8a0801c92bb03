"""What was typed -> axes, and every combination of their alternatives."""

import math
import re
from collections.abc import Sequence
from itertools import chain, product

from mmbal.config.assignment import parse_assignment
from mmbal.config.layering import COMPONENTS
from mmbal.config.origin import Override
from mmbal.errors import ConfigError

Point = tuple[Override, ...]
Axis = tuple[Point, ...]
"""Alternatives of which every trial takes one; each sets one key, a row of a file several."""

# More is a mistyped range sooner than a wish.
MOST_TRIALS = 10_000

_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
# A quoted text, or one letter.
_PIECE = re.compile(r""""(?:\\.|[^"\\])*"|'[^']*'|.""", re.DOTALL)
_OPEN, _CLOSE = "[{", "]}"


def fixed(key: str, value: object, origin: str) -> Axis:
    """Return an axis with one alternative."""
    return ((Override(key, value, origin),),)


def assignment_axis(text: str) -> Axis:
    """Read `strategy.tolerance=0.01,0.02`: one alternative per value.

    Commas part values unless they stand inside quotes or brackets, so one list is one value
    and `["a"],["a","b"]` are two.

    Raises:
        ConfigError: there is no `=`, or a value is empty or cut short.
    """
    key, equals, values = text.partition("=")
    parts = _split(values)
    if len(parts) > 1 and not all(part.strip() for part in parts):
        raise ConfigError(f"--set {text}: a value between the commas is empty")
    return tuple((parse_assignment(f"{key}{equals}{part}"),) for part in parts)


def strategy_axis(text: str) -> Axis:
    """Read `guided,vanilla`.

    Raises:
        ConfigError: a name is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ConfigError(f"--strategy must be names between commas, received {text!r}")
    return tuple((Override("strategy", name, f"--strategy {name}"),) for name in names)


def seed_axis(text: str) -> Axis:
    """Read `0-4`, `0,2,5` or `0-2,7`; a range has both its ends.

    Raises:
        ConfigError: it is neither.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 <= last - first < MOST_TRIALS:
            rule = f"numbers and rising ranges of at most {MOST_TRIALS}, such as 0-4 or 0,2,5"
            raise ConfigError(f"--seeds must be {rule}, received {text!r}")
        seeds += range(first, last + 1)
    return tuple((Override("seed", seed, f"--seeds {text}"),) for seed in seeds)


def points(axes: Sequence[Axis]) -> list[Point]:
    """Return every combination; the first axes vary slowest.

    Raises:
        ConfigError: two axes set the same, or there are too many combinations.
    """
    _refuse_conflicts(axes)
    count = math.prod(map(len, axes))
    if count > MOST_TRIALS:
        raise ConfigError(f"a sweep has at most {MOST_TRIALS} trials, received {count}")
    return [tuple(chain(*chosen)) for chosen in product(*axes)]


def canonical(key: str) -> str:
    """Return a key with `strategy.name` and the like in their short form."""
    section, _, rest = key.partition(".")
    return section if section in COMPONENTS and rest == "name" else key


def _refuse_conflicts(axes: Sequence[Axis]) -> None:
    setters: dict[str, tuple[int, Override]] = {}
    for number, axis in enumerate(axes):
        for override in chain(*axis):
            key = canonical(override.key)
            other, first = setters.setdefault(key, (number, override))
            if other != number:
                raise ConfigError(
                    f"{override.origin}: {key} is also set by {first.origin}; "
                    "give all its values at one place, between commas"
                )


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
