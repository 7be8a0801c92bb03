"""What the contents of files tell (7.2, no. 6 and 7)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmbal_modelnet40.images import inspect_view
from mmbal_modelnet40.listing import list_objects
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.survey import survey


def found(root: Path, **how) -> list[str]:
    options = ModelNet40Options(workers=2, **how)
    seen = survey(list_objects(root, None), range(12), options)
    return [problem.text for problem in seen.problems]


def first(root: Path, view: int = 1) -> Path:
    return root / "bed" / "train" / f"bed_0001.obj.shaded_v{view:03d}.png"


def test_sound_files(views: Path) -> None:
    result = survey(list_objects(views, None), (0, 6), ModelNet40Options())
    assert result.problems == []
    assert len(result.sound()) == 14
    arrays = result.examples[0].arrays
    assert list(arrays) == ["view_0", "view_6"]
    view = arrays["view_0"]
    assert (view.height, view.width, view.deep) == (24, 20, False)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def nothing(data: bytes) -> bytes:
    return b""


def renamed_jpeg(data: bytes) -> bytes:
    return b"\xff\xd8\xff\xe0" + data


def flipped_bit(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def header_only(data: bytes) -> bytes:
    return data[:33]


@pytest.mark.parametrize("damage", [cut, nothing, renamed_jpeg, flipped_bit, header_only])
def test_damaged_files(views: Path, damage: Callable[[bytes], bytes]) -> None:
    path = first(views)
    path.write_bytes(damage(path.read_bytes()))
    (text,) = found(views)
    assert text.startswith("bed/train/bed_0001.obj.shaded_v001.png: cannot decode image")


def test_views_of_different_sizes(views: Path) -> None:
    Image.new("RGB", (10, 12)).save(first(views, 7))
    problem = "bed/train/bed_0001: view 1 is 20x24, view 7 is 10x12"
    assert found(views) == [problem]
    assert found(views, image_size=16) == [problem]


def test_objects_of_different_sizes(views: Path) -> None:
    for view in range(1, 13):
        Image.new("RGB", (10, 12)).save(first(views, view))
    text = (
        "bed/train/bed_0001: images of 10x12, but 13 objects have 20x24; image_size makes them "
        "equal"
    )
    assert found(views) == [text]
    assert found(views, image_size=16) == []


def test_sixteen_bits_are_seen(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 2), 40_000, np.uint16)).save(tmp_path / "deep.png")
    view = inspect_view("a", 0, tmp_path / "deep.png", None, lambda _: False)
    assert (view.deep, view.size) == (True, "2x3")


def test_what_is_decoded_is_not_decoded_again(views: Path) -> None:
    path = first(views)
    whole = inspect_view("bed_0001", 0, path, None, lambda _: False)
    path.write_bytes(cut(path.read_bytes()))
    assert "cannot decode image" in inspect_view("bed_0001", 0, path, None, whole.__eq__)
    known = inspect_view("bed_0001", 0, path, None, lambda view: view.size == "20x24")
    assert known.digest != whole.digest
