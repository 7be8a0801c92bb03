"""colored-mnist from files: what is loaded, and what every malformed input is told (7.1)."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import ConfigError, DataFormatError, MmbalError
from mmbal_colored_mnist.colour import apparent_colours, nearest_colour
from mmbal_colored_mnist.folder import NAMES
from mmbal_colored_mnist.idx import read_idx, write_idx
from mmbal_colored_mnist.mnist import ColoredFashionMnist
from mmbal_colored_mnist.options import PALETTE, FashionOptions

Make = Callable[..., Any]
IMAGES, LABELS, TEST_IMAGES, TEST_LABELS = NAMES


def idx(*shape: int, fill: int = 0, magic: int | None = None) -> bytes:
    """Return an IDX file of one repeated byte."""
    magic = 0x800 + len(shape) if magic is None else magic
    return struct.pack(f">{len(shape) + 1}I", magic, *shape) + bytes([fill]) * int(np.prod(shape))


def test_sizes_order_and_types(mnist: Make, folder: Path) -> None:
    data = mnist().load(folder, seed=0)
    assert list(data.modalities) == ["gray", "color"]
    assert data.modalities["gray"].shape == (28, 28, 1)
    assert data.modalities["color"].shape == (28, 28, 3)
    assert data.class_names == tuple("0123456789")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [
        180,
        20,
        50,
    ]
    inputs, label = data.train.dataset().element_spec
    assert inputs["gray"].dtype.name == inputs["color"].dtype.name == "float32"
    assert label.dtype.name == "int64"
    assert label.shape == ()


def test_pixels_are_the_published_ones(mnist: Make, folder: Path, arrays: Make) -> None:
    options = {"colour_variance": 0.02, "seed": 11}
    source = mnist(**options)
    gray, color, labels = arrays(source.load(folder, seed=0).test)
    images = read_idx(folder / f"{TEST_IMAGES}.gz", 3)
    raw = source.read(folder, 11)
    _, colours = source.colours(raw, folder, 11)
    assert (labels == raw.test.labels).all()
    expected = (images[..., None] / 255 - 0.1307) / 0.3081
    np.testing.assert_allclose(gray, expected, atol=1e-6)
    stored = (images[..., None] / 255 * colours[:, None, None, :] * 255).astype(np.uint8)
    mean, deviation = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])
    np.testing.assert_allclose(color, (stored / 255 - mean) / deviation, atol=1e-5)
    assert gray.dtype == color.dtype == np.float32


def own_share(color: np.ndarray, gray: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images whose colour is nearest to their own label's."""
    mean, deviation = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010])
    rgb = np.rint((color * deviation + mean) * 255).astype(np.uint8)
    images = np.rint((gray[..., 0] * 0.3081 + 0.1307) * 255).astype(np.uint8)
    return float((nearest_colour(apparent_colours(images, rgb), PALETTE) == labels).mean())


def test_colours_follow_labels_in_training_only(mnist: Make, folder: Path, arrays: Make) -> None:
    data = mnist().load(folder, seed=0)
    shares = {}
    for part in ("train", "validation", "test"):
        gray, color, labels = arrays(getattr(data, part))
        shares[part] = own_share(color, gray, labels)
    # Expected .73, .73, .10; the bounds are four deviations of 180, 20 and 50 draws.
    assert shares["train"] > 0.60
    assert shares["validation"] > 0.35
    assert shares["test"] < 0.28


def test_equal_seeds_give_equal_bytes(mnist: Make, folder: Path, arrays: Make) -> None:
    one, again, other = (mnist().load(folder, seed) for seed in (3, 3, 4))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    for first, second in zip(arrays(one.train), arrays(again.train), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_option_seed_outranks_the_run(mnist: Make, folder: Path) -> None:
    pinned = [mnist(seed=3).load(folder, seed).fingerprint for seed in (0, 1)]
    assert pinned[0] == pinned[1] == mnist().load(folder, 3).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"colour_variance": 0.02},
        {"range_rule": "clip"},
        {"validation_fraction": 0.2},
        {"train_examples": 100},
        {"image_size": 16},
        {"palette": [*PALETTE[:9], (1, 2, 3)]},
    ],
)
def test_the_fingerprint_sees_every_option(
    mnist: Make, folder: Path, change: dict[str, Any]
) -> None:
    assert mnist(**change).load(folder, 0).fingerprint != mnist().load(folder, 0).fingerprint


def test_a_subset_keeps_the_test_part(mnist: Make, folder: Path, arrays: Make) -> None:
    whole, subset = mnist().load(folder, 0), mnist(train_examples=100).load(folder, 0)
    assert len(subset.train) == 90
    assert len(subset.validation) == 10
    for first, second in zip(arrays(whole.test), arrays(subset.test), strict=True):
        assert (first == second).all()
    with pytest.raises(ConfigError, match="train_examples = 201, but there are 200"):
        mnist(train_examples=201).load(folder, 0)
    with pytest.raises(ConfigError, match=r"validation_fraction = 0\.001 splits 200 .* 200 and 0"):
        mnist(validation_fraction=0.001).load(folder, 0)


def test_images_are_resized(mnist: Make, folder: Path) -> None:
    data = mnist(image_size=16).load(folder, 0)
    assert data.modalities["color"].shape == (16, 16, 3)
    assert data.test.dataset().element_spec[0]["color"].shape == (16, 16, 3)


def test_plain_files_win_over_compressed_ones(mnist: Make, folder: Path) -> None:
    (folder / f"{LABELS}.gz").write_bytes(b"never read")
    data = mnist().load(folder, 0)
    assert data.notes[LABELS] == "plain and .gz both present; the plain file is read"


def test_fashion_reads_the_same_files(folder: Path) -> None:
    data = ColoredFashionMnist(FashionOptions()).load(folder, 0)
    assert data.class_names[9] == "Ankle boot"


def test_samples_are_sound_small_and_repeatable(mnist: Make, folder: Path, tmp_path: Path) -> None:
    assert mnist().check(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{TEST_IMAGES}.gz",
        f"{TEST_LABELS}.gz",
        IMAGES,
        LABELS,
    ]
    again = mnist().sample(tmp_path / "again", seed=5)
    assert [path.read_bytes() for path in again] == [
        (folder / path.name).read_bytes() for path in again
    ]
    with pytest.raises(MmbalError, match="not empty"):
        mnist().sample(folder, seed=5)


DAMAGE = {
    "labels where images belong": (
        {IMAGES: idx(200, fill=1)},
        "train-images-idx3-ubyte: magic 0x00000801, expected 0x00000803 (images)",
    ),
    "a renamed PNG": (
        {IMAGES: b"\x89PNG\r\n\x1a\n" + bytes(100)},
        "train-images-idx3-ubyte: magic 0x89504e47, expected 0x00000803 (images)",
    ),
    "truncated": (
        {IMAGES: idx(60, 28, 28)[: 16 + 31_000]},
        "train-images-idx3-ubyte: holds 31,000 bytes, header promises 47,040 (60x28x28)",
    ),
    "counts": (
        {IMAGES: idx(60, 28, 28), LABELS: idx(59)},
        "train-images-idx3-ubyte: 60 images but 59 labels in",
    ),
    "label": (
        {LABELS: idx(200)[:13] + b"\x0b" + bytes(194)},
        "train-labels-idx1-ubyte: label 11 at index 5, expected 0..9",
    ),
    "size": (
        {IMAGES: idx(200, 32, 32)},
        "train-images-idx3-ubyte: image size 32x32, expected 28x28",
    ),
    "gzip": (
        {f"{TEST_IMAGES}.gz": gzip.compress(idx(50, 28, 28, fill=7))[:30]},
        "t10k-images-idx3-ubyte.gz: not a valid gzip stream",
    ),
    "no images": (
        {IMAGES: idx(0, 28, 28), LABELS: idx(0)},
        "train-images-idx3-ubyte: holds no image",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_malformed_files_are_named_with_what_is_wrong(mnist: Make, folder: Path, name: str) -> None:
    files, message = DAMAGE[name]
    for file, content in files.items():
        (folder / file).write_bytes(content)
    with pytest.raises(DataFormatError) as caught:
        mnist().load(folder, 0)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    problems = mnist().check(folder)
    assert len(problems) == 1
    assert message in problems[0]


def test_check_lists_all_and_load_tells_the_first(mnist: Make, folder: Path) -> None:
    write_idx(folder / LABELS, np.full(200, 12, np.uint8))
    (folder / IMAGES).write_bytes(idx(200, 32, 32))
    (folder / f"{TEST_LABELS}.gz").write_bytes(b"x")
    problems = mnist().check(folder)
    assert len(problems) == 13  # a size, ten labels and their rest, a gzip stream
    assert problems[11].endswith("190 further labels outside 0..9")
    with pytest.raises(DataFormatError, match=r"size 32x32, .* \(12 more: see `mmbal data check`"):
        mnist().load(folder, 0)


def test_a_missing_file_is_named_with_its_nearest_neighbour(mnist: Make, folder: Path) -> None:
    (folder / IMAGES).rename(folder / "train-images.idx3-ubyte")
    (problem,) = mnist().check(folder)
    assert problem.startswith(f"{folder / IMAGES}: not found, plain or .gz; ")
    assert "rename 'train-images.idx3-ubyte'?" in problem
    for name in NAMES:
        assert name in problem
    assert f"found {TEST_IMAGES}.gz" in problem


def test_folders_without_files(mnist: Make, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    problems = mnist().check(empty)
    assert len(problems) == 4
    assert all("found nothing" in problem for problem in problems)
    assert mnist().check(tmp_path / "gone") == [f"{tmp_path / 'gone'}: not a folder"]


@pytest.mark.timeout(120)
def test_the_real_mnist(mnist: Make) -> None:
    import os

    where = os.environ.get("MMBAL_MNIST")
    if not where:
        pytest.skip("MMBAL_MNIST names no folder")
    assert mnist().check(Path(where)) == []
    data = mnist().load(Path(where), 0)
    assert len(data.train) == 54_000
    assert len(data.validation) == 6_000
    assert len(data.test) == 10_000
