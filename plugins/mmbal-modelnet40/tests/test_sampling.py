"""The sample: faithful to the format, seeded, and sound."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmbal.errors import MmbalError
from mmbal_modelnet40.layout import IMAGES, MESHES, parse_view
from mmbal_modelnet40.shapes import SHAPES

Make = Callable[..., Any]


def test_what_is_in_it(drawn: Path, modelnet: Make) -> None:
    meshes = sorted((drawn / MESHES).rglob("*.off"))
    assert len(meshes) == 18
    headers = {path.read_text().partition("\n")[0] for path in meshes}
    assert "OFF" in headers
    assert any(re.fullmatch(r"OFF\d+ \d+ 0", header) for header in headers)  # glued
    views = sorted((drawn / IMAGES).rglob("*.png"))
    assert len(views) == 18 * 12
    assert all(parse_view(path.name) for path in views)
    assert modelnet().check(drawn) == []


def test_a_loader_reads_it(drawn: Path, modelnet: Make, collect: Make) -> None:
    data = modelnet(image_size=16).load(drawn, 0)
    assert data.class_names == ("cone", "cup", "dresser")
    assert (len(data.train), len(data.validation), len(data.test)) == (10, 2, 6)
    inputs, labels = collect(data.test)
    assert inputs["view_6"].shape == (6, 16, 16, 3)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert len({image.tobytes() for image in inputs["view_0"]}) == 6


def test_it_follows_the_seed(drawn: Path, modelnet: Make, tmp_path: Path) -> None:
    source = modelnet(workers=1, render={"size": 32})
    files = {}
    for name, seed in (("a", 3), ("b", 4)):
        directory = tmp_path / name
        written = source.sample(directory, seed)
        assert all(path.is_file() for path in written)
        files[seed] = {p.relative_to(directory): p.read_bytes() for p in written}
    assert len(files[3]) == 18 + 18 * 12 + 1
    assert files[3] == {name: (drawn / name).read_bytes() for name in files[3]}
    assert files[3] != files[4]


def test_its_size_is_an_option(modelnet: Make, tmp_path: Path) -> None:
    source = modelnet(workers=1, sample=3, render={"size": 16})
    source.sample(tmp_path / "new", 0)
    data = source.load(tmp_path / "new", 0)
    assert (len(data.train) + len(data.validation), len(data.test)) == (6, 3)


@pytest.mark.parametrize(("name", "least", "most"), [("cone", 0, 0.15), ("cup", 0.85, 1)])
def test_nine_in_ten_fronts_go_with_the_class(name: str, least: float, most: float) -> None:
    points = [len(SHAPES[name](np.random.default_rng(seed))[0]) for seed in range(300)]
    has_front = [count not in (8, 48) for count in points]  # a body has twice 4 or 24 corners
    assert least <= np.mean(has_front) <= most


def test_it_is_64_pixels_wide(modelnet: Make, tmp_path: Path) -> None:
    written = modelnet(workers=1).sample(tmp_path / "new", 0)
    image = np.asarray(Image.open(next(path for path in written if path.suffix == ".png")))
    assert image.shape == (64, 64)


def test_a_used_folder_is_refused(modelnet: Make, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(MmbalError, match=r"not empty \(holds mine.txt\)"):
        modelnet().sample(tmp_path, 0)
