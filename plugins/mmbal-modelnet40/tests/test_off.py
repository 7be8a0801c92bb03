"""Every spelling of OFF that occurs, and what is refused (7.2, no. 9 to 12)."""

from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal_modelnet40.off import read_off, write_off

POINTS = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
SQUARE = POINTS + "4 0 1 2 3\n"


@pytest.fixture
def off(tmp_path: Path):
    def write(content: str | bytes) -> Path:
        path = tmp_path / "a.off"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        f"OFF\n4 1 4\n{SQUARE}",
        f"OFF4 1 4\n{SQUARE}",
        f"OFF 4 1 4\n{SQUARE}",
        f"OFF\n4 1\n{SQUARE}",
        f"off\n\n# a comment\n4 1 0 # counts\n\n{SQUARE}",
        f"OFF\n4 1 0\n{SQUARE}".replace("\n", "\r\n"),
        f"OFF\n4 1 0\n{SQUARE}".rstrip("\n"),
        f"OFF\n4 1 0\n{POINTS}4 0 1 2 3 255 0 0\n",
        f"OFF\n4 1 0\n{POINTS}4\t0 1  2 3 0.5 0.5 0.5\n",
        f"COFF\n4 1 0\n{SQUARE}".replace(" 0\n", " 0 255 0 0 255\n"),
        f"NOFF\n4 1 0\n{SQUARE}".replace(" 0\n", " 0.0 0 0 1\n").replace("4 1 0.0 0 0 1", "4 1 0"),
        "OFF\n4 1 0\n0 0 0\n1e0 0 -0\n1. +1 0\n0 1 0.0\n4 0 1 2 3\n",
    ],
)
def test_accepted(off, content: str) -> None:
    mesh = read_off(off(content))
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_polygons_of_several_sizes(off) -> None:
    five = "0 0 0\n1 0 0\n2 1 0\n1 2 0\n0 1 0\n"
    mesh = read_off(off(f"OFF\n5 3 0\n{five}3 0 1 2\n5 0 1 2 3 4\n3 2 3 4\n"))
    faces = sorted(map(tuple, mesh.faces.tolist()))
    assert faces == [(0, 1, 2), (0, 1, 2), (0, 2, 3), (0, 3, 4), (2, 3, 4)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    points = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0.25)])
    for header in ("OFF", "OFF\n"):
        write_off(tmp_path / "a.off", points, [(0, 1, 2)], header)
        assert (read_off(tmp_path / "a.off").vertices == points).all()
    write_off(tmp_path / "b.off", points, [(0, 1, 2)], "OFF")
    assert (tmp_path / "b.off").read_text().startswith("OFF3 1 0\n")


BAD = {
    "": "a.off:1: header '', expected OFF",
    "ply\nformat ascii 1.0\n": "a.off:1: header 'ply', expected OFF",
    "PLY\n": "a.off:1: header 'PLY', expected OFF",
    "4OFF\n1 1 0\n": "header '4OFF', expected OFF",
    "OFF BINARY\n\x01": "binary OFF, expected text",
    "OFF\n": "expected the numbers of vertices and faces, found ''",
    "OFF\n4\n": "a.off:2: expected the numbers of vertices and faces, found '4'",
    "OFF\nfour 1\n": "expected the numbers of vertices and faces, found 'four 1'",
    "OFF\n-4 1 0\n": "expected the numbers of vertices and faces, found '-4 1 0'",
    "OFF\n0 0 0\n": "mesh is empty (0 vertices, 0 faces)",
    f"OFF\n4 0 0\n{POINTS}": "mesh is empty (4 vertices, 0 faces)",
    "OFF\n4 1 0\n0 0 0\n1 0 0\n": "a.off:4: file ends after 2 of 4 vertices",
    "OFF\n4 1 0\n0 0 0\n1 abc 0\n": "a.off:4: vertex 1: expected 3 numbers, found 'abc'",
    f"OFF\n4 1 0\n{POINTS[:-2]}": "vertex 3: expected 3 numbers, found '0 1'",
    f"OFF\n4 1 0\n{POINTS}".replace("1 1 0", "1 nan 0"): (
        "a.off:5: vertex 2: expected 3 finite numbers, found 'nan'"
    ),
    f"OFF\n4 1 0\n{POINTS}".replace("1 1 0", "1 -inf 0"): "found '-inf'",
    f"OFF\n4 1 0\n{POINTS}": "file ends after 0 of 1 faces",
    f"OFF\n4 18 0\n{POINTS}" + "3 0 1 2\n" * 12: "file ends after 12 of 18 faces",
    f"OFF\n4 2 0\n{POINTS}3 0 1 2\n3 0 1 20\n": "a.off:8: face 1: vertex 20 out of range 0..3",
    f"OFF\n4 1 0\n{POINTS}3 0 1 -1\n": "face 0: vertex -1 out of range 0..3",
    f"OFF\n4 1 0\n{POINTS}2 0 1\n": "face 0: 2 corners, expected 3 or more",
    f"OFF\n4 1 0\n{POINTS}3 0 1\n": "face 0: expected 3 vertex indices, found 2 of them",
    f"OFF\n4 1 0\n{POINTS}49999999999999 0 1 2\n": (
        "face 0: expected 49999999999999 vertex indices, found 3 of them"
    ),
    f"OFF\n4 1 0\n{POINTS}3 0 1 x\n": "face 0: expected 3 vertex indices, found 'x'",
    f"OFF\n4 1 0\n{POINTS}3 0 1 2.5\n": "face 0: expected 3 vertex indices, found '2.5'",
    f"OFF\n4 1 0\n{POINTS}x 0 1 2\n": "face 0: expected a number of corners, found 'x'",
    "OFF\n99999999999999999999 1 0\n0 0 0\n": "file ends after 1 of 99999999999999999999",
}


@pytest.mark.parametrize("content", BAD)
def test_refused(off, content: str) -> None:
    with pytest.raises(DataFormatError) as caught:
        read_off(off(content))
    assert BAD[content] in str(caught.value)


def test_bytes_that_are_no_text(off) -> None:
    with pytest.raises(DataFormatError, match="header"):
        read_off(off(bytes(range(256))))
    with pytest.raises(DataFormatError, match="cannot be read"):
        read_off(Path("/nowhere/a.off"))
