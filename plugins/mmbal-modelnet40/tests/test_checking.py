"""`mmbal data check` tells everything at once (7.2), with its exit code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from mmbal_modelnet40.layout import IMAGES, MESHES, view_name

Make = Callable[..., Any]


def ruin(sample: Path) -> list[str]:
    """Damage a sample in every way that leaves a class folder; return what must be told."""
    cone = sample / IMAGES / "cone"
    (cone / "train" / view_name("cone_0001", 7)).unlink()
    some = (cone / "train" / view_name("cone_0002", 1)).read_bytes()
    (cone / "train" / view_name("cone_0002", 13)).write_bytes(some)
    (cone / "train" / "cone-1.png").write_bytes(some)
    (cone / "train" / view_name("cone_0003", 1)).write_bytes(some[:60])
    Image.new("L", (9, 9)).save(cone / "train" / view_name("cone_0004", 7))
    for view in range(1, 13):
        (cone / "test" / view_name("cone_0001", view)).write_bytes(some)
    for path in (sample / IMAGES / "cup" / "test").iterdir():
        path.unlink()
    meshes = sample / MESHES / "dresser" / "train"
    (meshes / "dresser_0001.off").write_text("PLY\n")
    (meshes / "dresser_0002.off").write_text("OFF\n3 18 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    (meshes / "dresser_0003.off").write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 20\n")
    (meshes / "dresser_0004.off").write_text("OFF\n0 0 0\n")
    return [
        "cone/train/cone_0001: view 7 missing (have 1-6,8-12)",
        "cone/train/cone_0002: unexpected view 13",
        "cone/train: cannot parse view from 'cone-1.png'",
        "cone_0003.obj.shaded_v001.png: cannot decode image",
        "cone/train/cone_0004: view 1 is 32x32, view 7 is 9x9",
        "cone_0001 is in both splits",
        "cup/test: no images",
        "header 'PLY', expected OFF",
        "file ends after 1 of 18 faces",
        "face 0: vertex 20 out of range 0..2",
        "mesh is empty",
    ]


def test_every_problem_is_listed_once(modelnet: Make, sample: Path) -> None:
    expected = ruin(sample)
    problems = modelnet(workers=1).check(sample)
    for text in expected:
        assert sum(text in problem for problem in problems) == 1
    assert len(problems) == len(expected)
    assert all(problem.startswith(str(sample)) or IMAGES in problem for problem in problems)


def test_meshes_without_views_are_looked_through(modelnet: Make, sample: Path) -> None:
    (sample / MESHES / "cup" / "test" / "cup_0005.off").write_text("OFF\n")
    problems = modelnet(workers=1).check(sample / MESHES)
    assert len(problems) == 2
    assert "holds meshes but no views" in problems[0]
    assert "cup_0005.off:1" in problems[1]


def test_the_command_line(sample: Path) -> None:
    command = [sys.executable, "-m", "mmbal", "data", "check", "modelnet40", str(sample)]
    expected = ruin(sample)
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert len(found.stdout.splitlines()) == len(expected)
    assert found.stderr.endswith(f"error: modelnet40 in {sample}: {len(expected)} problems\n")
    assert "Traceback" not in found.stderr
