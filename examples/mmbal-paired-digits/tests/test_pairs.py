"""The dataset keeps the contract; pairs, profiles and messages are what they should be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmbal import ConfigError, DataFormatError, Examples, MmbalError
from mmbal.testing import parametrize_with_rules
from mmbal_paired_digits.pairs import PairedDigits, embedded, partners, profiles


@parametrize_with_rules("dataset", "paired-digits")
def test_contract(rule: Callable[[], None]) -> None:
    rule()


def test_profile() -> None:
    image = np.zeros((1, 8, 8))
    image[0, 1, 2:6] = 1  # half of row 1

    (profile,) = profiles(image)

    np.testing.assert_array_equal(profile[:8], [0, 0.5, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(profile[8:], [0, 0, 0.125, 0.125, 0.125, 0.125, 0, 0])


def test_partners_are_others_of_the_class_and_each_serves_once() -> None:
    labels = np.array([1, 0, 1, 1, 0, 2])

    chosen = partners(labels, np.random.default_rng(0))

    np.testing.assert_array_equal(labels[chosen], labels)
    assert sorted(chosen.tolist()) == list(range(6))
    assert [int(i) for i in np.nonzero(chosen == np.arange(6))[0]] == [5]  # alone in its class


def arrays(examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    inputs, labels = next(iter(examples.dataset().batch(10_000)))
    return inputs["image"].numpy(), inputs["profile"].numpy(), labels.numpy()


def test_a_test_profile_never_comes_from_training() -> None:
    data = PairedDigits().load(None, 0)
    image, profile, labels = arrays(data.test)

    own = profiles(image[..., 0])
    assert len(labels) == 359
    # The same profiles in another order, and none beside the image it was taken of.
    np.testing.assert_allclose(sorted(own.tolist()), sorted(profile.tolist()))
    assert (own != profile).any(axis=1).all()


def test_options_count() -> None:
    data = PairedDigits(partner="same", test_fraction=0.1).load(None, 0)

    image, profile, labels = arrays(data.validation)
    assert len(labels) == 179
    np.testing.assert_allclose(profile, profiles(image[..., 0]))


def test_a_sample_is_read_back(tmp_path: Path) -> None:
    source = PairedDigits()
    source.sample(tmp_path / "new", seed=1)

    assert source.check(tmp_path / "new") == []
    data = source.load(tmp_path / "new", 0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [48, 16, 16]
    known = {image.tobytes() for image in embedded()[0]}
    assert {image.tobytes() for image in arrays(data.train)[0][..., 0]} <= known
    with pytest.raises(MmbalError, match="not empty"):
        source.sample(tmp_path / "new", seed=1)


ROW = ",".join(["0"] * 64)
WRONG = {
    f"{ROW},10\n": "row 1, column 65: 10, expected a whole number in 0..9",
    f"{ROW},1\n17{ROW[1:]},2\n": "row 2, column 1: 17, expected a whole number in 0..16",
    f"1.5{ROW[1:]},2\n": "row 1, column 1: 1.5",
    "1,2,3\n": "3 columns, expected 65",
    "one,two\n": "could not convert string 'one'",
}


@pytest.mark.parametrize("text", WRONG, ids=WRONG.values())
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "digits.csv").write_text(text)
    source = PairedDigits()

    assert WRONG[text] in source.check(tmp_path)[0]
    with pytest.raises(DataFormatError, match=r"digits\.csv: "):
        source.load(tmp_path, 0)


def test_no_file_and_too_few_digits(tmp_path: Path) -> None:
    source = PairedDigits()
    assert "not found; without --data-dir scikit-learn's are used" in source.check(tmp_path)[0]

    (tmp_path / "digits.csv").write_text(f"{ROW},1\n" * 3)
    with pytest.raises(ConfigError, match=r"test_fraction = 0\.2 of 3 digits leaves none"):
        source.load(tmp_path, 0)
