"""Meshes in the Object File Format (OFF), as ModelNet40 has them.

`OFF`, then `vertices faces [edges]`, one vertex and then one face per line: `x y z [more]` and
`k i1 .. ik [colour]`, with indices from 0. Counts glued to the keyword (`OFF490 518 0`), blank
lines, `#` comments, CRLF, and the variants COFF, NOFF and STOFF are read too.

Source: Geomview's manual, "OFF Files".
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mmbal.data import decode_text
from mmbal.errors import DataFormatError

_KEYWORD = re.compile(r"(?:ST)?C?N?OFF(.*)", re.IGNORECASE)
_SHOWN = 20  # letters of what was found


@dataclass(frozen=True)
class Mesh:
    """Triangles that share corners.

    Args:
        vertices: (vertices, 3) coordinates.
        faces: (faces, 3) indices of vertices.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


@dataclass(frozen=True)
class _Lines:
    """What a file holds beyond comments and blank lines: text, and where it stands, from 1."""

    path: Path
    text: list[str]
    numbers: list[int]

    def refuse(self, index: int, problem: str) -> NoReturn:
        line = self.numbers[min(index, len(self.numbers) - 1)] if self.numbers else 1
        raise DataFormatError(f"{self.path}:{line}: {problem}")


def read_off(path: Path) -> Mesh:
    """Read a mesh; polygons become fans of triangles.

    Raises:
        DataFormatError: the file does not hold what its format promises.
    """
    lines = _significant(path)
    first, vertices, faces = _header(lines)
    if not vertices or not faces:
        lines.refuse(0, f"mesh is empty ({vertices} vertices, {faces} faces)")
    points = _vertices(lines, first, vertices)
    return Mesh(points, _faces(lines, first + vertices, faces, vertices))


def write_off(
    path: Path, mesh_vertices: Any, polygons: Sequence[Sequence[int]], header: str
) -> None:
    """Write a mesh.

    Args:
        path: of the new file.
        mesh_vertices: (vertices, 3) coordinates.
        polygons: one sequence of vertex indices for each face.
        header: what stands before the counts: "OFF" and a line break, or not.
    """
    points = [" ".join(f"{x:.6f}" for x in point) for point in mesh_vertices]
    faces = [" ".join(map(str, (len(face), *face))) for face in polygons]
    text = "\n".join([f"{header}{len(points)} {len(faces)} 0", *points, *faces, ""])
    path.write_text(text, encoding="ascii")


def _significant(path: Path) -> _Lines:
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataFormatError(f"{path}: cannot be read: {problem.strerror}") from problem
    text, numbers = [], []
    for number, line in enumerate(decode_text(data, path, lenient=True).split("\n"), 1):
        kept = line.partition("#")[0].strip()
        if kept:
            text.append(kept)
            numbers.append(number)
    return _Lines(path, text, numbers)


def _header(lines: _Lines) -> tuple[int, int, int]:
    """Return the index of the first vertex's line and the counts of vertices and faces."""
    words = lines.text[0].split() if lines.text else [""]
    keyword = _KEYWORD.fullmatch(words[0])
    if keyword is None:
        lines.refuse(0, f"header {words[0][:_SHOWN]!r}, expected OFF")
    counts, first = [word for word in (keyword[1], *words[1:]) if word], 1
    if counts[:1] == ["BINARY"]:
        lines.refuse(0, "binary OFF, expected text")
    if not counts and len(lines.text) > 1:
        counts, first = lines.text[1].split(), 2
    if len(counts) < 2 or not all(count.isdecimal() for count in counts[:2]):
        found = " ".join(counts)[:_SHOWN]
        lines.refuse(first - 1, f"expected the numbers of vertices and faces, found {found!r}")
    return first, int(counts[0]), int(counts[1])


def _vertices(lines: _Lines, first: int, count: int) -> NDArray[np.float64]:
    rows = lines.text[first : first + count]
    points = _numbers(rows, np.float64, range(3))
    if points is None:
        for index, row in enumerate(rows):
            if _numbers([row], np.float64, range(3)) is None:
                found = _culprit(row.split()[:3], float) or row[:_SHOWN]
                lines.refuse(first + index, f"vertex {index}: expected 3 numbers, found {found!r}")
    if len(rows) < count:
        lines.refuse(first + len(rows), f"file ends after {len(rows)} of {count} vertices")
    assert points is not None  # noqa: S101  (a row that cannot be read has been refused)
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if wrong.size:
        index = int(wrong[0])
        culprit = _culprit(rows[index].split()[:3], _finite)
        lines.refuse(first + index, f"vertex {index}: expected 3 finite numbers, found {culprit!r}")
    return points


def _faces(lines: _Lines, first: int, count: int, vertices: int) -> NDArray[np.int64]:
    rows = lines.text[first : first + count]
    sizes = _numbers(rows, np.int64, range(1))
    if sizes is None:
        _refuse_face(lines, first, rows)
    sizes = sizes[:, 0]
    small = np.flatnonzero(sizes < 3)
    if small.size:
        index = int(small[0])
        lines.refuse(first + index, f"face {index}: {sizes[index]} corners, expected 3 or more")
    triangles = []
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        corners = _numbers([rows[member] for member in members], np.int64, range(1, size + 1))
        if corners is None:
            _refuse_face(lines, first, rows)
        for member, face in _outside(members, corners, vertices):
            legal = f"out of range 0..{vertices - 1}"
            lines.refuse(first + member, f"face {member}: vertex {face} {legal}")
        fans = [corners[:, [0, step, step + 1]] for step in range(1, size - 1)]
        triangles.append(np.stack(fans, axis=1).reshape(-1, 3))
    if len(rows) < count:
        lines.refuse(first + len(rows), f"file ends after {len(rows)} of {count} faces")
    return np.concatenate(triangles)


def _outside(
    members: NDArray[np.intp], corners: NDArray[np.int64], vertices: int
) -> list[tuple[int, int]]:
    """Return (face, vertex) of the first index that no vertex has, if any."""
    faces, columns = np.nonzero((corners < 0) | (corners >= vertices))
    pairs = zip(faces[:1], columns[:1], strict=True)
    return [(int(members[face]), int(corners[face, column])) for face, column in pairs]


def _refuse_face(lines: _Lines, first: int, rows: list[str]) -> NoReturn:
    for index, row in enumerate(rows):
        words = row.split()
        size = _culprit(words[:1], int)
        count = int(words[0]) if size is None else 0
        if size is not None or _numbers([row], np.int64, range(1, count + 1)) is None:
            found = size if size is not None else _culprit(words[1 : count + 1], int)
            what = f"{count} vertex indices" if size is None else "a number of corners"
            found = f"{len(words) - 1} of them" if found is None else repr(found)
            lines.refuse(first + index, f"face {index}: expected {what}, found {found}")
    lines.refuse(first, "file ends before its first face")


def _culprit(words: Sequence[str], kind: Any) -> str | None:
    """Return the first word that is no number; None if all are."""
    for word in words:
        try:
            kind(word)
        except ValueError:
            return word[:_SHOWN]
    return None


def _finite(word: str) -> None:
    if not np.isfinite(float(word)):
        raise ValueError(word)


def _numbers(rows: Sequence[str], dtype: Any, columns: range) -> NDArray[Any] | None:
    """Return (rows, columns) numbers, or None when a row does not have them."""
    if not rows:
        return np.zeros((0, len(columns)), dtype)
    if columns.stop > min(map(len, rows)):  # of letters; a face may claim any number of corners
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a fraction where an integer is due
            return np.loadtxt(rows, dtype, usecols=list(columns), ndmin=2, comments=None)
    except (ValueError, IndexError, DeprecationWarning, OverflowError):
        return None
