"""Scores of subsets, against planted bits whose every subset is known."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation.results import Score, Table
from mmbal.evaluation.subsets import Subsets, subsets_of

NAN = math.nan


def parted(yielded):
    """Return scores and tables by name."""
    yielded = list(yielded)
    scores = {each.name: each for each in yielded if isinstance(each, Score)}
    tables = {each.name: each for each in yielded if isinstance(each, Table)}
    assert len(scores) + len(tables) == len(yielded)
    return scores, tables


def values(scores):
    return {name: score.value for name, score in scores.items()}


def told(flips, subset, classes, bits):
    """Return the log-posterior (example, class) of bits seen through flips, by a subset.

    `bits` is (example, modality) as observed; `classes` the bits that each class has there.
    """
    logits = np.zeros((len(bits), len(classes)))
    for m in subset:
        same = bits[:, m, None] == np.array([own[m] for own in classes])
        logits += np.where(same, math.log(1 - flips[m]), math.log(flips[m]))
    return logits


def planted(given, classes, flips, examples):
    """Return a context of two modalities that see the bits of the class, flipped now and then."""
    labels, bits = [], []
    for label, flipped in itertools.product(
        range(len(classes)), itertools.product((0, 1), repeat=2)
    ):
        share = math.prod(e if f else 1 - e for e, f in zip(flips, flipped, strict=True))
        count = round(examples * share / len(classes))
        labels += [label] * count
        bits += [[own ^ f for own, f in zip(classes[label], flipped, strict=True)]] * count
    assert len(labels) == examples
    logits = {s: told(flips, s, classes, np.array(bits)) for s in ((0,), (1,), (0, 1))}
    return given(
        labels={"test": labels, "train": labels},
        logits=logits[0, 1],
        subsets={((m,), "mean"): logits[(i,)][None] for i, m in enumerate("ab")},
        classes=len(classes),
    )


def test_unique_bits(given):
    # Label of two bits; each modality sees one of them.
    context = planted(given, [(0, 0), (0, 1), (1, 0), (1, 1)], (0.05, 0.2), 400)

    scores, tables = parted(Subsets(absences=("mean",))(context))

    assert values(scores) == pytest.approx(
        {
            "constant_accuracy": 0.25,
            "constant_nll": math.log(4),
            "subset_accuracy@mean/a": 0.475,
            "subset_nll@mean/a": 0.891662,
            "subset_accuracy@mean/b": 0.4,
            "subset_nll@mean/b": 1.193550,
            "subset_accuracy@mean/a+b": 0.76,
            "subset_nll@mean/a+b": 0.698917,
            "gain@mean/a": 0.36,
            "gain_nats@mean/a": 0.494632,
            "gain@mean/b": 0.285,
            "gain_nats@mean/b": 0.192745,
            "best_single_margin@mean": 0.285,
        },
        rel=1e-5,
    )
    accuracy = tables["subset_accuracy"]
    assert accuracy.axes == {"absence": ("mean",), "modalities": ["(none)", "a", "b", "a+b"]}
    assert accuracy.values == pytest.approx(np.array([[0.25, 0.475, 0.4, 0.76]]))
    assert tables["subset_nll"].values[0, 0] == pytest.approx(math.log(4))
    # Of 400, 304 are right by both.
    error = scores["subset_accuracy@mean/a+b"].error
    assert error == pytest.approx(math.sqrt(0.76 * 0.24 / 400))
    assert {name for name, score in scores.items() if score.headline} == {
        "gain@mean/a", "gain@mean/b",
    }  # fmt: skip


def test_redundant_bits_help_in_nats_alone(given):
    # Both see the one bit; b, which is worse, never changes what a says.
    context = planted(given, [(0, 0), (1, 1)], (0.1, 0.2), 100)

    found = values(parted(Subsets(absences=("mean",))(context))[0])

    gains = [found[f"gain@mean/{m}"] for m in "ab"]
    nats = [found[f"gain_nats@mean/{m}"] for m in "ab"]
    assert gains == pytest.approx([0.1, 0], abs=1e-12)
    assert nats == pytest.approx([0.247974, 0.0726545], rel=1e-5)
    assert found["best_single_margin@mean"] == pytest.approx(0)


def test_slices_beside_a_mean(given):
    # Logits of class 1 in a sum of two parts; the other part stands at its mean.
    a = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
    b = np.array([-3.0, -2.5, -1.2, -1.8, -1.0, -0.5])

    def logits(difference):
        return np.stack([np.zeros(6), difference], axis=1)

    labels = [0, 0, 0, 1, 1, 1]
    subsets = {
        (("a",), "mean"): logits(a + b.mean())[None],
        (("b",), "mean"): logits(b + a.mean())[None],
    }
    context = given({"test": labels, "train": labels}, logits(a + b), subsets=subsets)

    scores, _ = parted(Subsets(absences=("mean",))(context))

    found = values(scores)
    assert [found[f"subset_accuracy@mean/{s}"] for s in ("a", "b", "a+b")] == [5 / 6] * 3
    assert [found[f"gain@mean/{m}"] for m in "ab"] == [0, 0]


def test_draws_are_scored_one_by_one(given):
    # Two examples of two draws: a is right in 1, 0 and 1, 1; b never.
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    subsets = {
        (("a",), "marginal"): [[right, wrong], [right, right]],
        (("b",), "marginal"): [[wrong, wrong], [wrong, wrong]],
    }
    labels = {"test": [0, 0], "train": [0, 1]}
    context = given(labels, [right, right], subsets=subsets)

    scores, _ = parted(Subsets(absences=("marginal",))(context))

    assert scores["subset_accuracy@marginal/a"].value == 0.75  # of examples 1 and .5
    assert scores["subset_accuracy@marginal/a"].error == pytest.approx(0.25)
    assert scores["gain@marginal/b"].value == 0.25
    assert scores["best_single_margin@marginal"][:2] == ("best_single_margin@marginal", 0.25)


def test_the_mean_probability_of_draws(given):
    # Of the second example's draws one is sure and right, one unsure and wrong.
    sure, unsure, right = [3.0, 0.0], [0.0, 1.0], [1.0, 0.0]
    subsets = {
        (("a",), "marginal"): [[right, sure], [right, unsure]],
        (("b",), "marginal"): [[right, right], [right, [NAN, 0.0]]],
    }
    context = given({"test": [0, 0], "train": [0, 1]}, [right, right], subsets=subsets)

    found = values(parted(Subsets(absences=("marginal",))(context))[0])

    assert found["subset_accuracy@marginal/a"] == 0.75
    assert found["subset_accuracy@marginal_mixture/a"] == 1
    share = 1 / (1 + math.exp(-1)), (1 / (1 + math.exp(-3)) + 1 / (1 + math.e)) / 2
    expected = -sum(map(math.log, share)) / 2
    assert found["subset_nll@marginal_mixture/a"] == pytest.approx(expected)
    assert found["subset_accuracy@marginal_mixture/b"] == 0.5
    assert math.isnan(found["subset_nll@marginal_mixture/b"])
    assert "subset_accuracy@marginal_mixture/a+b" not in found


@pytest.mark.parametrize(
    ("sign", "flips", "alone"),
    [
        pytest.param(lambda a, b: a + b, (0.1, 0.2), (0.9, 0.5), id="redundant"),
        pytest.param(lambda a, b: a * b, (0.1, 0.1), (0.5, 0.5), id="exclusive or"),
    ],
)
def test_strangers_contradict_what_modalities_share(given, sign, flips, alone):
    """The Bayes rule of both bits, fed with those of others, falls below that of one alone."""
    odds = [math.log((1 - flip) / flip) for flip in flips]
    labels, seen = [], []
    pairs = [*itertools.product((0, 1), repeat=2)]
    for (label, bits), wrong in itertools.product(pairs, pairs):
        own = (label, label) if alone[0] > 0.5 else (bits, bits ^ label)
        share = math.prod(e if w else 1 - e for e, w in zip(flips, wrong, strict=True))
        labels += [label] * round(100 * share)
        seen += [[o ^ w for o, w in zip(own, wrong, strict=True)]] * round(100 * share)
    seen = np.array(seen)

    def logits(a, b):
        told = [(2 * bit - 1) * odd for bit, odd in zip((a, b), odds, strict=True)]
        # Of an exclusive or it is the sign alone that counts, and 0 1 is class 1.
        return np.stack([np.zeros(len(seen)), np.ones(len(seen)) * sign(*told) * side], axis=1)

    side = 1 if alone[0] > 0.5 else -1
    subsets = {
        (("a",), "marginal"): np.stack([logits(seen[:, 0], bit) for bit in (0, 1)]),
        (("b",), "marginal"): np.stack([logits(bit, seen[:, 1]) for bit in (0, 1)]),
    }
    every = {"test": labels, "train": labels}
    context = given(every, logits(*seen.T), subsets=subsets)

    found = values(parted(Subsets(absences=("marginal",))(context))[0])

    assert [found[f"subset_accuracy@marginal/{m}"] for m in "ab"] == pytest.approx(alone)
    assert found["subset_accuracy@marginal/a+b"] == pytest.approx(0.9 if side > 0 else 0.82)


def test_one_modality_adds_to_nothing(given):
    labels = {"test": [0, 1, 1, 1], "train": [0, 1, 1, 1]}
    logits = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
    context = given(labels, logits, modalities=("a",))

    found = values(parted(Subsets(absences=("zero",))(context))[0])

    assert found["subset_accuracy@zero/a"] == 0.75
    assert found["constant_accuracy"] == 0.75
    assert found["gain@zero/a"] == 0
    assert found["gain_nats@zero/a"] == pytest.approx(
        found["constant_nll"] - found["subset_nll@zero/a"]
    )
    assert "best_single_margin@zero" not in found


def test_bad_logits_and_a_class_that_training_lacks(given):
    labels = {"test": [1, 0], "train": [0, 0]}
    context = given(labels, [[0.0, 1.0], [NAN, NAN]], modalities=("a",))

    scores, _ = parted(Subsets(absences=("zero",))(context))

    assert scores["subset_accuracy@zero/a"].value == 0.5
    assert math.isnan(scores["subset_nll@zero/a"].value)
    assert scores["constant_nll"].value == pytest.approx(36.0437 / 2, rel=1e-5)


def of(count, slices=None):
    return SimpleNamespace(
        modalities=tuple("abcdefghijklm"[:count]),
        predictions=lambda: SimpleNamespace(slices=slices),
    )


def test_small_subsets_come_first():
    assert subsets_of(of(3)) == [
        ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
    ]  # fmt: skip
    assert len(subsets_of(of(6))) == 63
    assert len(subsets_of(of(7, slices={}))) == 127


@pytest.mark.parametrize(("count", "slices", "most"), [(7, None, 6), (13, {}, 12)])
def test_too_many_modalities(count, slices, most):
    with pytest.raises(MmbalError, match=f"received {count}, of which {most} are legal"):
        subsets_of(of(count, slices))


@pytest.mark.parametrize(
    ("absences", "message"),
    [
        ((), "at least 1"),
        (("mean", "mean"), "once"),
        (("means",), r"'zero', 'mean' or 'marginal'.*did you mean 'mean'\?"),
    ],
)
def test_illegal_absences(absences, message):
    with pytest.raises(MmbalError, match=message):
        Subsets(absences=absences)
