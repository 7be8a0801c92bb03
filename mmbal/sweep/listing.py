"""A file that lists trials -> an axis with one alternative per row."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmbal.config.assignment import parse_assignment
from mmbal.config.origin import Override, dotted
from mmbal.config.toml import read_file, read_text
from mmbal.config.tree import leaves
from mmbal.errors import ConfigError
from mmbal.sweep.axes import Axis, Point

SUFFIXES = (".toml", ".csv", ".jsonl")


def listed_axis(path: Path) -> Axis:
    """Read a list of trials.

    A row sets any keys of `--set`, dotted or as tables:

    - `.toml`: one `[[trials]]` table per trial;
    - `.csv`: a header of keys; a cell is read as behind `--set key=`, an empty one sets nothing;
    - `.jsonl`: one object per line.

    Raises:
        ConfigError: the file cannot be read, or is no such list; the message says where.
    """
    readers = {".toml": _toml, ".csv": _csv, ".jsonl": _jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(f"--trials must end in {', '.join(SUFFIXES)}, received {str(path)!r}")
    try:
        rows = tuple(reader(path))
    except csv.Error as error:
        raise ConfigError(f"{path}: not valid CSV: {error}") from error
    if not rows:
        raise ConfigError(f"--trials {path} lists no trial")
    return rows


def _toml(path: Path) -> Iterator[Point]:
    file = read_file(path)
    rows = file.values.get("trials")
    if list(file.values) != ["trials"] or not isinstance(rows, list):
        found = ", ".join(file.values) or "nothing"
        raise ConfigError(f"{path} must hold [[trials]] tables and nothing else, received {found}")
    for number, row in enumerate(rows, start=1):
        yield _point(row, f"{path}: trial {number}")


def _csv(path: Path) -> Iterator[Point]:
    rows = csv.reader(io.StringIO(read_text(path), newline=""))
    header = [name.strip() for name in next(rows, [])]
    if not all(header) or len(set(header)) < len(header):
        raise ConfigError(f"{path}:1: the header must name each column once, received {header}")
    for row in rows:
        origin = f"{path}:{rows.line_num}"
        if not any(row):
            continue
        if len(row) != len(header):
            raise ConfigError(f"{origin}: expected {len(header)} cells, received {len(row)}")
        cells = zip(header, (cell.strip() for cell in row), strict=True)
        yield tuple(parse_assignment(f"{key}={cell}", origin) for key, cell in cells if cell)


def _jsonl(path: Path) -> Iterator[Point]:
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ConfigError(f"{path}:{number}: not a line of JSON ({error})") from error
            yield _point(row, f"{path}:{number}")


def _point(row: Any, origin: str) -> Point:
    if not isinstance(row, Mapping) or not row:
        raise ConfigError(f"{origin}: a trial must be a table of settings, received {row!r}")
    return tuple(
        Override(dotted(key), "none" if value is None else value, origin)
        for key, value in leaves(row)
    )
