"""A local folder with the four IDX files of MNIST or Fashion-MNIST."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmbal.data import refusal
from mmbal.errors import MmbalError
from mmbal_colored_mnist.idx import read_idx, write_idx
from mmbal_colored_mnist.images import GrayData, GrayImages

SIDE = 28  # pixels
PARTS = {"train": "train", "test": "t10k"}
NAMES = tuple(
    f"{stem}-{kind}-ubyte" for stem in PARTS.values() for kind in ("images-idx3", "labels-idx1")
)


def holds_idx(folder: Path) -> bool:
    """Return whether any of the four files is in `folder`."""
    return any((folder / f"{name}{end}").is_file() for name in NAMES for end in ("", ".gz"))


def read_folder(folder: Path) -> GrayData:
    """Read the four files.

    Raises:
        DataFormatError: the first problem, and how many there are.
    """
    data, problems = inspect_folder(folder)
    if problems or data is None:
        raise refusal(problems)
    return data


def inspect_folder(folder: Path) -> tuple[GrayData | None, list[str]]:
    """Read the four files as far as possible; return them (None if unusable) and all problems."""
    if not folder.is_dir():
        return None, [f"{folder}: not a folder"]
    problems: list[str] = []
    notes: dict[str, str] = {}
    parts = {part: _inspect_part(folder, part, problems, notes) for part in PARTS}
    train, test = parts["train"], parts["test"]
    if problems or train is None or test is None:
        return None, problems
    return GrayData(train, test, notes), []


def write_folder(folder: Path, data: GrayData) -> list[Path]:
    """Write the four files, training plain and testing gzip-compressed: both forms occur."""
    paths = []
    for part, images in (("train", data.train), ("test", data.test)):
        end = "" if part == "train" else ".gz"
        pixels = folder / f"{PARTS[part]}-images-idx3-ubyte{end}"
        labels = folder / f"{PARTS[part]}-labels-idx1-ubyte{end}"
        write_idx(pixels, images.images)
        write_idx(labels, images.labels.astype(np.uint8))
        paths += [pixels, labels]
    return paths


def label_problems(labels: NDArray[np.uint8] | NDArray[np.int64], where: str) -> Iterator[str]:
    """Yield one line for each label outside 0..9, the first ten spelt out."""
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    for index in wrong[:10]:
        yield f"{where}: label {labels[index]} at index {index}, expected 0..9"
    if len(wrong) > 10:
        yield f"{where}: {len(wrong) - 10} further labels outside 0..9"


def _inspect_part(
    folder: Path, part: str, problems: list[str], notes: dict[str, str]
) -> GrayImages | None:
    pixels_at = _find(folder, f"{PARTS[part]}-images-idx3-ubyte", problems, notes)
    labels_at = _find(folder, f"{PARTS[part]}-labels-idx1-ubyte", problems, notes)
    pixels = _read(pixels_at, 3, problems)
    labels = _read(labels_at, 1, problems)
    if pixels is not None:
        if pixels.shape[1:] != (SIDE, SIDE):
            size = "x".join(map(str, pixels.shape[1:]))
            problems.append(f"{pixels_at}: image size {size}, expected {SIDE}x{SIDE}")
        if len(pixels) == 0:
            problems.append(f"{pixels_at}: holds no image")
    if labels is not None:
        problems.extend(label_problems(labels, str(labels_at)))
    if pixels is None or labels is None:
        return None
    if len(pixels) != len(labels):
        problems.append(
            f"{pixels_at}: {len(pixels):,} images but {len(labels):,} labels in {labels_at}"
        )
    return GrayImages(pixels, labels.astype(np.int64))


def _read(path: Path | None, axes: int, problems: list[str]) -> NDArray[np.uint8] | None:
    if path is None:
        return None
    try:
        return read_idx(path, axes)
    except (MmbalError, OSError) as problem:
        problems.append(str(problem))
        return None


def _find(folder: Path, name: str, problems: list[str], notes: dict[str, str]) -> Path | None:
    plain, packed = folder / name, folder / f"{name}.gz"
    if plain.is_file():
        if packed.is_file():
            notes[name] = "plain and .gz both present; the plain file is read"
        return plain
    if packed.is_file():
        return packed
    found = sorted(path.name for path in folder.iterdir())
    near = get_close_matches(name, [other for other in found if other not in NAMES], n=1)
    hint = f"; rename {near[0]!r}?" if near else ""
    listing = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
    problems.append(
        f"{plain}: not found, plain or .gz{hint} (expected {', '.join(NAMES)}; found {listing})"
    )
    return None
