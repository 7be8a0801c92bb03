"""The handwritten digits inside scikit-learn, or a file of the same format.

1,797 images of 8x8 pixels, gray levels 0..16: the test set of Alpaydin and Kaynak's
"Optical Recognition of Handwritten Digits" (UCI, 1998). The file has one line per image:
64 levels, row by row, and the label, separated by commas.
"""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal.data import claim, decode_text, hold_out, refusal, table_rows
from mmbal.errors import ConfigError, MmbalError
from mmbal_colored_mnist.colour import generator
from mmbal_colored_mnist.glyphs import draw_digits
from mmbal_colored_mnist.idx import read_packed
from mmbal_colored_mnist.images import GrayData, GrayImages
from mmbal_colored_mnist.options import DigitsOptions
from mmbal_colored_mnist.source import SAMPLE, TEST_SPLIT, ColouredSource

NAME = "digits.csv"
SIDE = 8  # pixels
LEVELS = 16
COLUMNS = SIDE * SIDE + 1


class ColoredDigits(ColouredSource):
    """The 8x8 digits of scikit-learn, or a file of their format in `--data-dir`."""

    options: DigitsOptions

    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the digits, of every label a share set aside for testing."""
        digits = embedded_digits() if data_dir is None else read_digits(data_dir)
        fraction = self.options.test_fraction
        train, test = (
            GrayImages(digits.images[chosen], digits.labels[chosen])
            for chosen in hold_out(digits.labels, fraction, generator(seed, TEST_SPLIT))
        )
        if not len(train.labels) or not len(test.labels):
            raise ConfigError(
                f"test_fraction = {fraction} splits {len(digits.labels):,} images into "
                f"{len(train.labels):,} and {len(test.labels):,}; both need at least one"
            )
        return GrayData(train, test, {})

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the file; the embedded digits have none."""
        return [] if data_dir is None else inspect_digits(data_dir)[1]

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write 250 drawn digits in the format of scikit-learn's file."""
        claim(directory)
        return [write_digits(directory, draw_digits(250, SIDE, generator(seed, SAMPLE)))]


def embedded_digits() -> GrayImages:
    """Return the images that scikit-learn carries; nothing is downloaded."""
    from sklearn.datasets import load_digits  # two seconds, needed here only

    data = load_digits()
    return _scaled(np.asarray(data.images), np.asarray(data.target))


def read_digits(folder: Path) -> GrayImages:
    """Read digits.csv or digits.csv.gz in `folder`.

    Raises:
        DataFormatError: the first problem, and how many there are.
    """
    images, problems = inspect_digits(folder)
    if problems or images is None:
        raise refusal(problems)
    return images


def inspect_digits(folder: Path) -> tuple[GrayImages | None, list[str]]:
    """Read the file as far as possible; return its images (None if unusable), all problems."""
    rows: list[list[int]] = []
    problems: list[str] = []
    try:
        path = _find(folder)
        table = list(table_rows(decode_text(read_packed(path), path), path))
    except (MmbalError, OSError) as problem:
        return None, [str(problem)]
    for number, cells in table:
        wrong = _row_problem(cells)
        if wrong:
            problems.append(f"{path}:{number}: {wrong}")
        elif cells:
            rows.append([int(float(cell)) for cell in cells])
    if not rows and not problems:
        problems.append(f"{path}: holds no image")
    if problems:
        return None, problems
    numbers = np.array(rows)
    return _scaled(numbers[:, :-1].reshape(-1, SIDE, SIDE), numbers[:, -1]), []


def write_digits(folder: Path, images: GrayImages) -> Path:
    """Write 8x8 images with gray levels 0..255 as digits.csv.gz."""
    levels = np.rint(images.images / (255 / LEVELS)).astype(np.int64).reshape(-1, SIDE * SIDE)
    table = np.column_stack([levels, images.labels])
    text = "".join(",".join(map(str, row)) + "\n" for row in table.tolist())
    path = folder / f"{NAME}.gz"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def _scaled(levels: NDArray[Any], labels: NDArray[Any]) -> GrayImages:
    images = np.rint(levels * (255 / LEVELS)).astype(np.uint8)
    return GrayImages(images, labels.astype(np.int64))


def _find(folder: Path) -> Path:
    plain, packed = folder / NAME, folder / f"{NAME}.gz"
    if not plain.is_file() and not packed.is_file():
        raise MmbalError(
            f"{plain}: not found, plain or .gz; without --data-dir the digits inside "
            "scikit-learn are used"
        )
    return plain if plain.is_file() else packed


def _row_problem(cells: list[str]) -> str | None:
    if not cells:
        return None  # a blank line
    if len(cells) != COLUMNS:
        return f"{len(cells)} columns, expected {COLUMNS} (64 levels and the label)"
    for column, cell in enumerate(cells, start=1):
        what, top = ("label", 9) if column == COLUMNS else ("level", LEVELS)
        try:
            value = float(cell)
        except ValueError:
            return f"{what} {cell!r} in column {column} is no number"
        if not (value.is_integer() and 0 <= value <= top):
            return f"{what} {cell} in column {column}, expected 0..{top}"
    return None
