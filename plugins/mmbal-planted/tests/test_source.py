"""The dataset: what is drawn, that it can be decoded, and what depends on what."""

from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal_planted import Planted

SMALL = {"train_examples": 30, "validation_examples": 20, "test_examples": 10}
HARD = {"parity": 2, "frequency": 1, "nuisance": 2}


@pytest.fixture(scope="module")
def synergy():
    """Return 20,000 test examples of a synergistic bit, and the dataset."""
    source = Planted(configuration="synergy", parity=3)
    return source, source.draw("test", 20_000, 1)


def test_everything_is_decoded(synergy):
    source, (inputs, _, told) = synergy

    decoded = source.decode(inputs)

    for name in "ab":
        np.testing.assert_array_equal(decoded[name], told[name])


def test_the_bayes_rule_is_as_good_as_it_should_be(synergy):
    source, (inputs, labels, _) = synergy
    said = source.truth().log_posterior(source.decode(inputs), ["a", "b"])

    found = (said.argmax(axis=1) == labels).mean()

    assert abs(found - 0.82) < 3 * np.sqrt(0.82 * 0.18 / 20_000)


@pytest.mark.parametrize("name", ["a", "b"])
def test_one_of_two_says_nothing_of_their_parity(synergy, name):
    _, (_, labels, told) = synergy

    assert abs((told[name][:, 0] == labels).mean() - 0.5) < 0.0107  # 3 standard errors


@pytest.mark.parametrize("rendering", ["vector", "series", "image"])
def test_check_finds_nothing(rendering):
    assert Planted(rendering=rendering, **HARD).check(None) == []


def test_check_tells_what_is_not_as_it_should_be(monkeypatch):
    source = Planted(configuration="shortcut")
    draw = source.draw

    def garbled(split, examples, seed):
        inputs, labels, told = draw(split, examples, seed)
        return {**inputs, "a": -inputs["a"]}, labels, told

    monkeypatch.setattr(source, "draw", garbled)

    wrong, unexpected, in_test = source.check(None)
    assert wrong == "train: 20,000 bits are decoded wrongly"
    assert unexpected == "train: the Bayes rule scores 0.0000, expected 1.0000"
    assert in_test == "test: 20,000 bits are decoded wrongly"


@pytest.mark.parametrize(
    ("rendering", "shape"), [("vector", (32,)), ("series", (32, 1)), ("image", (28, 28, 1))]
)
def test_what_is_loaded(rendering, shape):
    data = Planted(rendering=rendering, **SMALL).load(None, 3)

    described = {m: (each.shape, each.dtype) for m, each in data.modalities.items()}
    assert described == dict.fromkeys("abc", (shape, "float32"))
    assert data.class_names == ("000", "001", "010", "011", "100", "101", "110", "111")
    assert [len(each) for each in (data.train, data.validation, data.test)] == [30, 20, 10]
    assert data.notes["data_seed"] == 3
    assert data.notes["bayes"][-1] == {
        "modalities": "a+b+c",
        "accuracy": pytest.approx(0.95 * 0.9 * 0.82),
        "nll": pytest.approx(0.922, abs=5e-4),
    }


def test_the_lowest_bit_comes_first():
    source = Planted(configuration="own", bits=[
        {"kind": "unique", "flips": {"a": 0}},
        {"kind": "unique", "flips": {"b": 0}},
    ])  # fmt: skip
    _, labels, told = source.draw("train", 50, 0)

    np.testing.assert_array_equal(labels, told["a"][:, 0] + 2 * told["b"][:, 1])
    assert set(told["a"][:, 1]) == set(told["b"][:, 0]) == {-1}


def test_a_modality_that_is_told_nothing_holds_noise():
    source = Planted(configuration="synergy", modalities=("deaf", "a", "b"))
    inputs, _, told = source.draw("train", 500, 0)

    assert set(told["deaf"].ravel()) == {-1}
    assert inputs["deaf"].std() == pytest.approx(1, abs=0.03)
    assert source.decode(inputs)["deaf"].tolist() == told["deaf"].tolist()


def test_splits_and_modalities_differ():
    source = Planted(configuration="redundant")
    train, validation, test = (source.draw(s, 40, 0) for s in ("train", "validation", "test"))

    assert (train[1] != validation[1]).any()
    assert (train[1] != test[1]).any()
    noise = {m: train[0][m] - np.sign(train[2][m] - 0.5) * source.patterns(m) for m in "ab"}
    assert abs(np.corrcoef(noise["a"].ravel(), noise["b"].ravel())[0, 1]) < 0.1


def test_labels_do_not_depend_on_what_shows_them():
    easy, hard, image = (
        Planted(configuration="mixed", **each).draw("train", 40, 0)
        for each in ({}, HARD, {"rendering": "image"})
    )

    np.testing.assert_array_equal(easy[1], hard[1])
    np.testing.assert_array_equal(easy[1], image[1])
    np.testing.assert_array_equal(easy[2]["b"], hard[2]["b"])
    assert (easy[0]["a"] != hard[0]["a"]).any()


def test_the_seed_of_the_data_may_be_its_own():
    marks = [
        Planted(configuration="unique", seed=seed, **SMALL).load(None, run).fingerprint
        for seed, run in [(None, 4), (4, 0), (4, 1), (None, 5)]
    ]

    assert marks[0] == marks[1] == marks[2] != marks[3]


def test_a_shortcut_tells_all_in_training_and_nothing_in_the_test():
    source = Planted(configuration="shortcut")

    right = {
        split: [(told[m][:, 0] == labels).mean() for m in "ab"]
        for split in ("train", "validation", "test")
        for _, labels, told in [source.draw(split, 4000, 0)]
    }

    assert right["train"][0] == right["validation"][0] == 1
    assert abs(right["test"][0] - 0.5) < 0.024  # 3 standard errors
    assert all(abs(each[1] - 0.95) < 0.0104 for each in right.values())


def test_it_tells_both_distributions_where_they_differ():
    none, a, _, both = Planted(configuration="shortcut").known()

    assert none["modalities"] == "(none)"
    assert list(a) == ["modalities", "accuracy", "nll", "train_accuracy", "train_nll"]
    assert (a["accuracy"], a["train_accuracy"]) == (0.5, 1)
    assert (both["accuracy"], both["train_accuracy"]) == (0.95, 1)


@pytest.mark.parametrize("act", [lambda s, d: s.load(d, 0), lambda s, d: s.check(d)])
def test_a_folder_is_refused(act):
    with pytest.raises(MmbalError, match="drawn from the seed and reads no files: mine"):
        act(Planted(), Path("mine"))
