"""What was typed, or is listed in a file -> axes, and every combination of their alternatives."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any

from mmbal.config.assignment import parse_assignment
from mmbal.config.layering import COMPONENTS
from mmbal.config.origin import Override
from mmbal.config.toml import read_file
from mmbal.config.tree import leaves
from mmbal.errors import ConfigError
from mmbal.files.text import read_text, table_rows
from mmbal.keys import QUOTED, cut_assignment, dotted, undotted

Point = tuple[Override, ...]
Axis = tuple[Point, ...]
"""Alternatives of which every trial takes one; each sets one key, a row of a file several."""

# More is a mistyped range sooner than a wish.
MOST_TRIALS = 10_000

_RANGE = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
# A quoted text, or one letter.
_PIECE = re.compile(f"{QUOTED}|.", re.DOTALL)
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
    key, equals, values = cut_assignment(text)
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


def listed_axis(path: Path) -> Axis:
    """Read a list of trials.

    A row sets any keys of `--set`, dotted or as tables:

    - `.toml`: one `[[trials]]` table per trial;
    - `.csv`: a header of keys; a cell is read as behind `--set key=`, an empty one sets nothing.
      Cells may be parted by semicolons or tabs, and decimals by a comma, as spreadsheets do;
    - `.jsonl`: one object per line.

    Raises:
        ConfigError: it is no such list; the message says where.
        MmbalError: it cannot be read, or is no text.
    """
    readers = {".toml": _toml, ".csv": _csv, ".jsonl": _jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"--trials must end in {', '.join(readers)}, received {str(path)!r}")
    try:
        rows = tuple(reader(path))
    except RecursionError as error:
        raise ConfigError(f"{path}: values are nested too deeply") from error
    if not rows:
        raise ConfigError(f"--trials {path} lists no trial")
    return rows


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


def _toml(path: Path) -> Iterator[Point]:
    file = read_file(path)
    rows = file.values.get("trials")
    if list(file.values) != ["trials"] or not isinstance(rows, list):
        found = ", ".join(file.values) or "nothing"
        raise ConfigError(f"{path} must hold [[trials]] tables and nothing else, received {found}")
    for number, row in enumerate(rows, start=1):
        yield _point(row, f"{path}: trial {number}")


def _csv(path: Path) -> Iterator[Point]:
    rows = table_rows(read_text(path), path)
    _, header = next(rows, (1, []))
    if not all(header) or len(set(header)) < len(header):
        raise ConfigError(f"{path}:1: the header must name each column once, received {header}")
    for number, row in rows:
        origin = f"{path}:{number}"
        if not any(row):
            continue
        if len(row) != len(header):
            raise ConfigError(f"{origin}: expected {len(header)} cells, received {len(row)}")
        cells = zip(header, row, strict=True)
        yield tuple(parse_assignment(f"{key}={cell}", origin) for key, cell in cells if cell)


def _jsonl(path: Path) -> Iterator[Point]:
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line, object_pairs_hook=_once)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{path}:{number}: not a line of JSON ({error})") from error
            yield _point(row, f"{path}:{number}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError(f"a key is there twice in {[key for key, _ in pairs]}")
    return row


def _point(row: Any, origin: str) -> Point:
    if not isinstance(row, Mapping) or not row:
        raise ConfigError(f"{origin}: a trial must be a table of settings, received {row!r}")
    return tuple(
        Override(dotted((*undotted(key), *inner)), "none" if value is None else value, origin)
        for (key, *inner), value in leaves(row)
    )


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
