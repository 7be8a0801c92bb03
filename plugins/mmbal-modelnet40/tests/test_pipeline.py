"""Pixels: every kind of PNG becomes the RGB that it shows; cached and read ones are equal."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from mmbal.errors import DataFormatError
from mmbal_modelnet40.images import inspect_view
from mmbal_modelnet40.pipeline import decode_png, flip

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (9, 7, 4), np.uint8)
DEEP = RNG.integers(0, 65536, (9, 7), np.uint16)
KINDS: dict[str, Callable[[], Image.Image]] = {
    "rgb": lambda: Image.fromarray(COLOURS[..., :3]),
    "rgba": lambda: Image.fromarray(COLOURS),
    "gray": lambda: Image.fromarray(COLOURS[..., 0]),
    "gray and alpha": lambda: Image.fromarray(COLOURS).convert("LA"),
    "palette": lambda: Image.fromarray(COLOURS[..., :3]).quantize(16),
    "bits": lambda: Image.fromarray(COLOURS[..., 0]).convert("1"),
}


def decode(path: Path, *, side: int | None = None, deep: bool = False) -> np.ndarray:
    return decode_png(tf.io.read_file(str(path)), side, deep=deep).numpy()


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_what_pillow_shows(kind: str, deep: bool, tmp_path: Path) -> None:
    image = KINDS[kind]()
    image.save(tmp_path / "a.png")
    expected = np.asarray(image.convert("RGB"))
    assert (decode(tmp_path / "a.png", deep=deep) == expected).all()


def test_transparent_palettes_and_interlacing(tmp_path: Path) -> None:
    image = KINDS["palette"]()
    image.save(tmp_path / "a.png", transparency=3)
    assert (decode(tmp_path / "a.png") == np.asarray(image.convert("RGB"))).all()


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    expected = np.rint(DEEP / 257).astype(np.uint8)
    assert (decode(tmp_path / "a.png", deep=True) == expected[..., None]).all()
    clipped = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert (clipped != expected[..., None]).any()  # why Pillow is not asked


def test_resizing_loses_no_pixel(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64), np.uint8)
    pixels[::8, ::8] = 255  # one of 64: sampling alone would see all or none
    Image.fromarray(pixels).save(tmp_path / "a.png")
    small = decode(tmp_path / "a.png", side=8)
    assert small.shape == (8, 8, 3)
    assert small[2:-2, 2:-2].mean() == pytest.approx(255 / 64, abs=1)


def test_a_file_that_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (3, 3)).save(path)
    view = inspect_view("bed_0001", 0, path, None, lambda _: False)
    assert view.read().shape == view.shape == (3, 3, 3)
    Image.new("RGB", (4, 3)).save(path)
    with pytest.raises(DataFormatError, match=f"^{path}: has another size than before$"):
        view.read()
    path.write_bytes(b"no image")
    with pytest.raises(DataFormatError, match=f"^{path}: TensorFlow cannot decode: "):
        view.read()


def test_views_are_flipped_independently_and_repeatably() -> None:
    images = {name: tf.reshape(tf.range(24.0), (2, 4, 3)) for name in ("view_0", "view_6")}
    mirrored = images["view_0"].numpy()[:, ::-1]
    seen = []
    for number in range(200):
        seed = tf.constant([number, 5], tf.int64)
        flipped, label = flip(dict(images), tf.constant(3), seed)
        assert int(label) == 3
        again, _ = flip(dict(images), tf.constant(3), seed)
        state = []
        for name, image in flipped.items():
            assert (image.numpy() == again[name].numpy()).all()
            state.append(bool((image.numpy() == mirrored).all()))
            assert state[-1] or (image.numpy() == images[name].numpy()).all()
        seen.append(tuple(state))
    shares = [seen.count((a, b)) / 200 for a in (True, False) for b in (True, False)]
    assert all(0.15 < share < 0.35 for share in shares)
