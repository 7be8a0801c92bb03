"""The coloured images that Kim et al. published as a pickled dictionary.

`mmnist_10color_jitter_var_0.030.npy` and its siblings hold `train_image`, `train_label`,
`test_image` and `test_label` for MNIST in its own order. The gray images are MNIST's.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal.data import refusal
from mmbal.errors import ConfigError, DataFormatError, MmbalError, refused
from mmbal_colored_mnist.colour import apparent_colours, nearest_colour
from mmbal_colored_mnist.images import GrayData, GrayImages

KEYS = ("train_image", "train_label", "test_image", "test_label")
CORRELATED = 0.3  # chance is 0.1; the share of training images is above 0.5


def published_path(folder: Path, variance: float) -> Path:
    """Return where the published file of a colour variance is expected."""
    return folder / f"mmnist_10color_jitter_var_{variance:.3f}.npy"


def read_published(
    path: Path, gray: GrayData, palette: Sequence[Sequence[int]], allow_pickle: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the coloured training and test images that belong to `gray`.

    Args:
        path: the .npy file.
        gray: MNIST, in the order of the published file.
        palette: (10, 3), to see whether test colours follow the labels.
        allow_pickle: must be true: reading the file runs the code in it.

    Returns:
        Two arrays (examples, height, width, 3), RGB in 0..255.

    Raises:
        ConfigError: `allow_pickle` is false; not a byte of the pickle has been read then.
        DataFormatError: the first problem of the file.
    """
    coloured, problems = inspect_published(path, gray, allow_pickle)
    if coloured is None or problems:
        raise refusal(problems)
    _warn_if_correlated(path, coloured[1], gray.test, palette)
    return coloured


def inspect_published(
    path: Path, gray: GrayData, allow_pickle: bool
) -> tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]] | None, list[str]]:
    """Read the file; return (training, test) images, None if unusable, and all its problems."""
    if not allow_pickle:
        raise ConfigError(
            f"{path}: pickled .npy refused; pass allow_pickle=True if you trust it "
            "(reading a pickle runs the code in it)"
        )
    try:
        content = _dictionary(path)
    except MmbalError as problem:
        return None, [str(problem)]
    missing = [key for key in KEYS if key not in content]
    if missing:
        found = ", ".join(map(str, content)) or "none"
        return None, [f"{path}: missing key(s) {', '.join(missing)}; found {found}"]
    problems: list[str] = []
    for part, images in (("train", gray.train), ("test", gray.test)):
        _inspect_images(path, f"{part}_image", content[f"{part}_image"], images, problems)
        _inspect_labels(path, f"{part}_label", content[f"{part}_label"], images, problems)
    if problems:
        return None, problems
    return (content["train_image"], content["test_image"]), []


def _dictionary(path: Path) -> dict[str, Any]:
    try:
        array = np.load(path, encoding="latin1", allow_pickle=True)  # written by Python 2
        content = array.item()
    except FileNotFoundError as problem:
        found = sorted(other.name for other in path.parent.glob("*.npy")) or ["no .npy file"]
        raise MmbalError(f"{path}: not found; found {', '.join(found)}") from problem
    except Exception as problem:  # a damaged pickle can raise anything at all
        if isinstance(problem, OSError) and problem.errno:
            raise MmbalError(f"cannot read {refused(problem)}") from problem
        raise DataFormatError(f"{path}: not a pickled dictionary ({problem})") from problem
    if not isinstance(content, dict):
        raise DataFormatError(f"{path}: holds a {type(content).__name__}, expected a dictionary")
    return content


def _inspect_images(
    path: Path, key: str, value: Any, gray: GrayImages, problems: list[str]
) -> None:
    side = gray.images.shape[1:]
    shape, dtype = np.shape(value), getattr(value, "dtype", type(value).__name__)
    if dtype != np.uint8 or shape[1:] != (*side, 3):
        got = f"({','.join(map(str, shape))}) {dtype}"
        expected = f"(N,{side[0]},{side[1]},3) uint8"
        problems.append(f"{path}: {key} shape/dtype {got}, expected {expected}")
    elif len(value) != len(gray.images):
        problems.append(f"{path}: {key} holds {len(value):,} images, MNIST {len(gray.images):,}")


def _inspect_labels(
    path: Path, key: str, value: Any, gray: GrayImages, problems: list[str]
) -> None:
    labels = np.asarray(value)
    if labels.shape != gray.labels.shape or labels.dtype.kind not in "iu":
        got = f"({','.join(map(str, labels.shape))}) {labels.dtype}"
        expected = f"({len(gray.labels)}) integers"
        problems.append(f"{path}: {key} shape/dtype {got}, expected {expected}")
        return
    wrong = int((labels != gray.labels).sum())
    if wrong:
        problems.append(
            f"{path}: {key}: labels disagree at {wrong:,} of {len(labels):,} indices; "
            "gray and colour files are not aligned"
        )


def _warn_if_correlated(
    path: Path, coloured: NDArray[np.uint8], gray: GrayImages, palette: Sequence[Sequence[int]]
) -> None:
    colours = apparent_colours(gray.images, coloured)
    share = float((nearest_colour(colours, palette) == gray.labels).mean())
    if share > CORRELATED:
        warnings.warn(
            f"{path}: test colours correlate with labels: {share:.0%} are nearest to their own "
            "label's colour, by chance 10%",
            stacklevel=2,
        )
