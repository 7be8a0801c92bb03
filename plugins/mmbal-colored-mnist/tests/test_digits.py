"""colored-digits: the embedded images, and a file of their format."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import ConfigError, DataFormatError, MmbalError
from mmbal_colored_mnist.digits import ColoredDigits
from mmbal_colored_mnist.options import DigitsOptions

Make = Callable[..., Any]


def digits(**options: Any) -> ColoredDigits:
    """Return the dataset with some options."""
    return ColoredDigits(DigitsOptions(**options))


def test_the_embedded_digits_need_no_file(arrays: Make) -> None:
    data = digits().load(None, seed=0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [
        1294,
        144,
        359,
    ]
    assert data.modalities["gray"].shape == (16, 16, 1)
    assert digits().check(None) == []
    labels = arrays(data.test)[2]
    assert np.bincount(labels).min() >= 34  # 174 to 183 of each digit, a fifth of them


def test_native_size_keeps_the_levels(arrays: Make) -> None:
    gray, _, _ = arrays(digits(image_size=None).load(None, 0).train)
    assert gray.shape[1:] == (8, 8, 1)
    levels = np.unique(np.rint((gray * 0.3081 + 0.1307) * 255).astype(int))
    assert levels.tolist() == np.rint(np.arange(17) * 255 / 16).astype(int).tolist()


def test_the_test_part_follows_the_seed() -> None:
    prints = [
        digits(**o).load(None, s).fingerprint for o, s in (({}, 0), ({}, 1), ({"seed": 1}, 0))
    ]
    assert prints[0] != prints[1] == prints[2]


def test_a_sample_is_read_back(tmp_path: Path) -> None:
    (path,) = digits().sample(tmp_path / "sample", seed=1)
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 250
    data = digits().load(tmp_path / "sample", 0)
    assert len(data.test) == 50
    assert digits().check(tmp_path / "sample") == []
    (again,) = digits().sample(tmp_path / "again", seed=1)
    assert again.read_bytes() == path.read_bytes()


ROW = ",".join(["3"] * 64)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2,3", "digits.csv:2: 3 columns, expected 65 (64 levels and the label)"),
        (f"{ROW},10", "digits.csv:2: label 10 in column 65, expected 0..9"),
        (f"17{ROW[1:]},1", "digits.csv:2: level 17 in column 1, expected 0..16"),
        (f"x{ROW[1:]},1", "digits.csv:2: level 'x' in column 1 is no number"),
        (f"nan{ROW[1:]},1", "digits.csv:2: level nan in column 1, expected 0..16"),
        (f"1.5{ROW[1:]},1", "digits.csv:2: level 1.5 in column 1, expected 0..16"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: str, problem: str) -> None:
    (tmp_path / "digits.csv").write_text(f"{ROW},0\n{line}\n\n{ROW},0\n{line}\n")
    problems = digits().check(tmp_path)
    assert len(problems) == 2
    assert problems[0].endswith(problem)
    with pytest.raises(DataFormatError, match=r"1 more: see `mmbal data check`"):
        digits().load(tmp_path, 0)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("digits.csv", b"", "holds no image"),
        ("digits.csv", b"\xff\xfa", "digits.csv:1: no UTF-8 text"),
        ("digits.csv.gz", b"\x1f\x8bno gzip", "not a valid gzip stream"),
        ("digits.txt", b"", "digits.csv: not found, plain or .gz"),
    ],
)
def test_malformed_files(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    (found,) = digits().check(tmp_path)
    assert problem in found
    with pytest.raises(MmbalError, match=problem):
        digits().load(tmp_path, 0)


def test_a_split_without_examples_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digits.csv").write_text(f"{ROW},0\n{ROW},1\n")
    with pytest.raises(ConfigError, match=r"test_fraction = 0\.2 splits 2 images into 2 and 0"):
        digits().load(tmp_path, 0)
