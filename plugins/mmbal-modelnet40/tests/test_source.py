"""The dataset as a whole: examples, splits, bad objects, fingerprints, the cache."""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mmbal.errors import DataFormatError, MmbalError
from mmbal_modelnet40.layout import view_name

Make = Callable[..., Any]
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pixels_of(root: Path, name: str, number: int, view: int) -> np.ndarray:
    split = "train" if number <= 5 else "test"
    path = root / name / split / view_name(f"{name}_{number:04d}", view + 1)
    return (np.asarray(Image.open(path)) / 255 - MEAN) / DEVIATION


def damage(root: Path, number: int = 1) -> None:
    path = root / "bed" / "train" / f"bed_{number:04d}.obj.shaded_v001.png"
    path.write_bytes(path.read_bytes()[:50])


def test_examples_are_the_files(modelnet: Make, views: Path, collect: Make) -> None:
    data = modelnet(views=(0, 6)).load(views.parent, 0)
    assert list(data.modalities) == ["view_0", "view_6"]
    assert data.modalities["view_0"].shape == (24, 20, 3)
    assert data.class_names == ("bed", "tv_stand")
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 2, 4)
    inputs, labels = collect(data.test)
    assert labels.tolist() == [0, 0, 1, 1]
    for row, (name, number) in enumerate([("bed", 6), ("bed", 7), ("tv_stand", 6)]):
        for view in (0, 6):
            expected = pixels_of(views, name, number, view)
            assert np.allclose(inputs[f"view_{view}"][row], expected, atol=1e-5)
    assert collect(data.validation)[1].tolist() == [0, 1]  # one of each class
    spec = data.train.dataset().element_spec
    assert spec[0]["view_6"] == tf.TensorSpec((24, 20, 3), tf.float32)


def test_any_number_of_views_in_any_order(modelnet: Make, views: Path, collect: Make) -> None:
    data = modelnet(views=(11, 3, 4)).load(views, 0)
    assert list(data.modalities) == ["view_11", "view_3", "view_4"]
    inputs, _ = collect(data.test)
    assert np.allclose(inputs["view_11"][0], pixels_of(views, "bed", 6, 11), atol=1e-5)


def test_the_published_split_ignores_the_seed(modelnet: Make, views: Path, collect: Make) -> None:
    source = modelnet(validation="reference")
    one, two = source.load(views, 0), source.load(views, 1)
    assert one.fingerprint == two.fingerprint
    # Positions 5 to 9 are tv_stand.
    order = list(range(10))
    random.Random(10).shuffle(order)
    assert collect(one.validation)[1].tolist() == [int(row >= 5) for row in order[:2]]
    assert collect(one.train)[1].tolist() == [int(row >= 5) for row in order[2:]]


def test_fingerprints_tell_data_and_split(modelnet: Make, views: Path) -> None:
    def fingerprint(seed: int = 0, **options: Any) -> str:
        return modelnet(**options).load(views, seed).fingerprint

    first = fingerprint()
    assert len(first) == 64
    assert fingerprint() == fingerprint(flip=False) == fingerprint(workers=1) == first
    assert modelnet(seed=0).load(views, 9).fingerprint == first
    others = {
        modelnet(seed=1).load(views, 0).fingerprint,
        fingerprint(views=(6, 0)),
        fingerprint(views=(0, 1)),
        fingerprint(image_size=16),
        fingerprint(validation_fraction=0.4),
    }
    assert len(others | {first}) == 6
    Image.new("RGB", (20, 24)).save(views / "bed" / "test" / view_name("bed_0006", 7))
    assert fingerprint() != first


def test_only_training_images_are_flipped(modelnet: Make, views: Path) -> None:
    assert modelnet().load(views, 0).augment is not None
    assert modelnet(flip=False).load(views, 0).augment is None


def test_a_bad_object_ends_the_run(modelnet: Make, views: Path) -> None:
    damage(views)
    damage(views, 2)
    with pytest.raises(DataFormatError) as caught:
        modelnet().load(views, 0)
    assert "bed_0001.obj.shaded_v001.png: cannot decode image" in str(caught.value)
    assert "(1 more: see `mmbal data check`); on_bad_example=skip goes on" in str(caught.value)
    assert modelnet(views=(1, 6)).load(views, 0)  # that view is not asked for


def test_a_class_without_sound_objects_ends_the_run(modelnet: Make, views: Path) -> None:
    for number in range(1, 6):
        damage(views, number)
    with (
        pytest.warns(UserWarning, match="5 objects left out"),
        pytest.raises(MmbalError, match="bed: no sound object to train or to test on"),
    ):
        modelnet(on_bad_example="skip").load(views, 0)


def test_nothing_to_skip_saves_an_empty_class(modelnet: Make, views: Path) -> None:
    shutil.rmtree(views / "bed" / "train")
    with pytest.raises(DataFormatError, match=r"bed/train: no images$"):
        modelnet(on_bad_example="skip").load(views, 0)


def test_absent_data_says_where_to_get_it(modelnet: Make, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for data_dir, start in (
        (None, "modelnet40 needs --data-dir"),
        (tmp_path, f"no class folder of the 40 found under {tmp_path}; found: photos"),
        (tmp_path / "gone", f"{tmp_path}/gone: not a folder"),
    ):
        with pytest.raises(MmbalError) as caught:
            modelnet().load(data_dir, 0)
        text = str(caught.value)
        assert text.startswith(start)
        for part in ("modelnet40_images_new_12x/<class>/<train|test>", "ModelNet40.zip",
                     "mmbal data prepare", "mmbal data sample modelnet40 DIR"):  # fmt: skip
            assert part in text
        assert modelnet().check(data_dir) == [text]


@pytest.mark.parametrize("size", [None, 16])
def test_cached_examples_are_equal(
    modelnet: Make, views: Path, tmp_path: Path, collect: Make, size: int | None
) -> None:
    plain = modelnet(image_size=size).load(views, 0)
    for _ in range(2):  # written, then found
        cached = modelnet(image_size=size, cache=tmp_path / "cache", workers=1).load(views, 0)
        assert cached.fingerprint == plain.fingerprint
        for part in ("train", "validation", "test"):
            one, two = (collect(getattr(data, part)) for data in (plain, cached))
            assert all((one[0][name] == two[0][name]).all() for name in one[0])
            assert (one[1] == two[1]).all()
    names = [path.name for path in (tmp_path / "cache").iterdir()]
    assert Counter(name[:6] for name in names) == {
        ".lock": 1, "view00": 14, "view06": 14,
    }  # fmt: skip


def test_the_cache_follows_the_files(modelnet: Make, views: Path, tmp_path: Path) -> None:
    source = modelnet(cache=tmp_path / "cache", workers=1)
    before = source.load(views, 0)
    path = views / "bed" / "test" / view_name("bed_0006", 7)
    Image.new("RGB", (20, 24), (9, 9, 9)).save(path)
    os.utime(path, ns=(10**18, 10**18))
    after = source.load(views, 0)
    assert before.fingerprint != after.fingerprint
    images, _ = next(iter(after.test.dataset()))
    assert np.allclose(images["view_6"], (9 / 255 - np.array(MEAN)) / DEVIATION, atol=1e-5)
