"""Confidence that rises when a modality leaves, by hand."""

import math

import numpy as np
import pytest

from mmbal_measures.violation import confidences, violations

NAN = math.nan
SIGHT = np.array([[2.0, 0, 0], [0, 1, 0]])
SOUND = np.array([[-1.0, 0, 0], [0, 0.2, 0.1]])


def found(context, absence="zero"):
    return {score.name: score for score in violations(context, absence)}


def test_two_modalities(told):
    context = told(
        [0, 1],
        SIGHT + SOUND,
        {(("a",), "zero"): SIGHT[None], (("b",), "zero"): SOUND[None]},
    )
    # Without sound the first example gets surer: .787 for .576.
    assert confidences(SIGHT) == pytest.approx([0.786986, 0.576117], abs=1e-6)
    assert confidences(SIGHT + SOUND) == pytest.approx([0.576117, 0.611971], abs=1e-6)
    rates = {name: score.value for name, score in found(context).items()}
    assert rates == {"violation@zero/a": 0, "violation@zero/b": 0.5, "violation@zero": 0.25}
    assert found(context)["violation@zero/b"].error == pytest.approx(0.5 / math.sqrt(2))
    assert found(context)["violation@zero"].error == pytest.approx(0.25)


def sure(*confidence):
    """Return logits of two classes with such confidences, one example each."""
    return np.array([[math.log(c / (1 - c)), 0.0] for c in confidence])


def three(told, **more):
    logits = {"ab": 0.8, "ac": 0.9, "bc": 0.6, "a": 0.7, "b": 0.95, "c": 0.55}
    subsets = {(tuple(names), "mean"): sure(c)[None] for names, c in logits.items()}
    return told([0], sure(0.85), subsets, modalities=tuple("abc"), **more)


def test_all_nested_pairs_of_three(told):
    rates = {name: score.value for name, score in found(three(told), "mean").items()}
    # b leaves abc; of pairs b in abc, ac in abc, b in ab, b in bc: 4 of 6 + 6.
    assert rates == {
        "violation@mean/a": 0,
        "violation@mean/b": 1,
        "violation@mean/c": 0,
        "violation@mean": pytest.approx(4 / 12),
    }


def test_draws_count_by_their_share(told):
    subsets = {(("a",), "marginal"): [sure(0.9), sure(0.7)], (("b",), "marginal"): [sure(0.6)] * 2}
    rates = found(told([0], sure(0.8), subsets), "marginal")
    assert rates["violation@marginal/b"].value == 0.5
    assert rates["violation@marginal/a"].value == 0


def test_ties_are_none_and_what_is_no_number_is_unknown(told):
    subsets = {(("a",), "mean"): sure(0.8)[None], (("b",), "mean"): [[[NAN, 0.0]]]}
    rates = found(told([0], sure(0.8), subsets), "mean")
    assert rates["violation@mean/b"].value == 0
    assert math.isnan(rates["violation@mean/a"].value)
    assert math.isnan(rates["violation@mean"].value)


def test_one_modality_leaves_nobody(told):
    assert found(told([0], sure(0.8), modalities=("a",))) == {}


def test_too_many_modalities_leave_all_one_by_one(told):
    names = tuple("abcdefg")
    subsets = {
        (tuple(m for m in names if m != gone), "mean"): sure(0.9 if gone == "c" else 0.5)[None]
        for gone in names
    }
    rates = found(told([0], sure(0.8), subsets, modalities=names), "mean")
    assert [rates[f"violation@mean/{m}"].value for m in names] == [0, 0, 1, 0, 0, 0, 0]
    assert math.isnan(rates["violation@mean"].value)
