"""Images of digits beside tables of numbers: the digits inside scikit-learn, or a file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal import DataFormatError, Examples, MmbalError
from mmbal.data import DatasetSource, Modality, MultimodalDataset
from mmbal.errors import ConfigError
from mmbal_paired_digits.options import PairingOptions

FILE = "digits.csv"
SIDE, LEVELS, CLASSES = 8, 16, 10
SPLIT, PAIRS, SAMPLE = range(3)
"""Each purpose draws from its own stream."""


class PairedDigits(DatasetSource):
    """Modalities `image`, (height, width, 1), and `profile`, (features,), float32 in 0..1.

    The profile holds the ink of each row and column of a digit, eight and eight numbers. By
    default it is that of another digit of the same class and split: given the class, image and
    profile are independent.
    """

    options: PairingOptions

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Split the digits, then pair them within each split."""
        images, labels = embedded() if data_dir is None else read(data_dir / FILE)
        order = np.random.default_rng([seed, SPLIT]).permutation(len(labels))
        held = int(len(labels) * self.options.test_fraction)
        if not held:
            fraction = self.options.test_fraction
            raise ConfigError(f"test_fraction = {fraction} of {len(labels)} digits leaves none")
        pairing = np.random.default_rng([seed, PAIRS])
        parts = []
        for rows in np.split(order, [len(labels) - 2 * held, len(labels) - held]):
            whose = rows
            if self.options.partner == "other":
                whose = rows[partners(labels[rows], pairing)]
            parts.append((images[rows][..., None], profiles(images[whose]), labels[rows]))
        train, validation, test = (
            Examples.from_arrays({"image": image, "profile": profile}, each)
            for image, profile, each in parts
        )
        return MultimodalDataset(
            modalities={"image": Modality((SIDE, SIDE, 1)), "profile": Modality((2 * SIDE,))},
            class_names=tuple("0123456789"),
            train=train,
            validation=validation,
            test=test,
            fingerprint=fingerprint(parts),
        )

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the file; the embedded digits have none."""
        return [] if data_dir is None else inspect(data_dir / FILE)[1]

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write eight digits of every class in the format of scikit-learn's file."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise MmbalError(f"{directory}: not empty; a sample needs a new folder")
        images, labels = embedded()
        order = np.random.default_rng([seed, SAMPLE]).permutation(len(labels))
        rows = np.concatenate([order[labels[order] == k][:8] for k in range(CLASSES)])
        levels = (images[rows] * LEVELS).reshape(-1, SIDE * SIDE)
        table = np.column_stack([levels, labels[rows]]).astype(int)
        path = directory / FILE
        np.savetxt(path, table, fmt="%d", delimiter=",")
        return [path]


def embedded() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the images, (examples, height, width) in 0..1, and labels inside scikit-learn."""
    from sklearn.datasets import load_digits  # takes seconds, needed here only

    digits = load_digits()
    return (digits.images / LEVELS).astype(np.float32), digits.target.astype(np.int64)


def profiles(images: NDArray[Any]) -> NDArray[Any]:
    """Return the mean ink of every row, then of every column, (examples, 2 height)."""
    return np.concatenate([images.mean(axis=2), images.mean(axis=1)], axis=1)


def partners(labels: NDArray[Any], generator: np.random.Generator) -> NDArray[np.intp]:
    """Return for every example another one of its class, itself where it is the only one."""
    chosen = np.arange(len(labels))
    for label in np.unique(labels):
        (rows,) = np.nonzero(labels == label)
        circle = generator.permutation(rows)
        chosen[circle] = np.roll(circle, 1)
    return chosen


def read(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return images and labels of a file.

    Raises:
        DataFormatError: the first problem, and how many there are.
    """
    table, problems = inspect(path)
    if problems:
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise DataFormatError(f"{problems[0]}{more}")
    images = table[:, :-1].reshape(-1, SIDE, SIDE) / LEVELS
    return images.astype(np.float32), table[:, -1].astype(np.int64)


def inspect(path: Path) -> tuple[NDArray[Any], list[str]]:
    """Return a file's table, (examples, 64 levels and the label), and every problem."""
    nothing: NDArray[Any] = np.zeros((0, SIDE * SIDE + 1))
    try:
        table = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")
    except FileNotFoundError:
        return nothing, [f"{path}: not found; without --data-dir scikit-learn's are used"]
    except (OSError, ValueError) as error:
        return nothing, [f"{path}: {error}"]
    if table.shape[1] != SIDE * SIDE + 1:
        return nothing, [f"{path}: {table.shape[1]} columns, expected {SIDE * SIDE + 1}"]
    limits = np.array([LEVELS] * (SIDE * SIDE) + [CLASSES - 1])
    wrong = ~((table >= 0) & (table <= limits) & (table % 1 == 0))
    problems = [
        f"{path}: row {row + 1}, column {column + 1}: {table[row, column]:g}, expected a whole "
        f"number in 0..{limits[column]}"
        for row, column in np.argwhere(wrong).tolist()
    ]
    return table, problems


def fingerprint(parts: Sequence[tuple[NDArray[Any], ...]]) -> str:
    """Return a digest of the pairs of all splits."""
    digest = hashlib.sha256()
    for part in parts:
        for array in part:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
