"""Perceptual scores by hand, and how far they scatter; tables stand in test_bayes_rule."""

import math

import numpy as np
import pytest

from mmbal_measures import Perceptual
from mmbal_measures.perceptual import accuracy_lost

NAN = math.nan
YES, NO = [0.0, 1.0], [1.0, 0.0]


def draws(*orders):
    return [{"a": np.array(order), "b": np.array(order)} for order in orders]


def test_by_hand(told, scored):
    # Right in 3 of 4; with a's of others in all; with b's of others in 3 of 4 in each draw.
    subsets = {
        (("a",), "marginal"): [[YES, YES, NO, NO], [YES, NO, YES, NO]],
        (("b",), "marginal"): [[YES, YES, YES, NO]] * 2,
    }
    strangers = draws([1, 2, 3, 0], [3, 2, 1, 0])
    context = told([1, 1, 1, 0], [YES, YES, YES, YES], subsets, strangers=strangers)
    found = scored(Perceptual(), context)

    assert found["perceptual/b"].value == pytest.approx(0)
    assert found["perceptual/a"].value == pytest.approx(0.75 - 1)
    # Training has both classes alike, of which the first is guessed: right in 1 of 4.
    assert found["perceptual_model/a"].value == pytest.approx(-0.25 / 0.75)
    assert found["perceptual_task/a"].value == pytest.approx(-0.25 / 0.75)
    assert found["perceptual_draw_error/b"].value == 0
    # Of b: received 1 1 0 1 and 1 0 1 1, means 1 .5 .5 1. Example 0 gave to 3 twice: 1; 1 to 0
    # (1) and to 2 (1): 1; 2 to 1 (1) and to 1 (0): .5; 3 to 2 (0) and to 0 (1): .5.
    influence = np.array([1, 1, 1, 0]) - [1, 0.5, 0.5, 1] - [1, 1, 0.5, 0.5] + 0.75
    assert found["perceptual/b"].error == pytest.approx(influence.std(ddof=1) / 2)
    ratio = (influence - 0 * np.array([1, 1, 1, 0])) / 0.75
    assert found["perceptual_model/b"].error == pytest.approx(ratio.std(ddof=1) / 2)
    assert [n for n, s in found.items() if s.headline] == ["perceptual/a", "perceptual/b"]


def test_draws_scatter(told, scored):
    subsets = {((m,), "marginal"): [[YES, YES], [NO, NO], [YES, NO]] for m in "ab"}
    context = told([1, 1], [YES, YES], subsets, strangers=draws([1, 0], [0, 1], [1, 0]))
    found = scored(Perceptual(), context)
    # Accuracies 1, 0, 1/2.
    assert found["perceptual/a"].value == pytest.approx(0.5)
    assert found["perceptual_draw_error/a"].value == pytest.approx(0.5 / math.sqrt(3))


def test_the_only_modality_brings_its_prediction_along(told, scored):
    context = told(
        [0, 1, 1], [NO, YES, YES], modalities=("a",), strangers=draws([1, 2, 0], [2, 0, 1])
    )
    found = scored(Perceptual(), context)
    # Shifted by one: 1 1 0 for 0 1 1, then 1 0 1: one right of three each.
    assert found["perceptual/a"].value == pytest.approx(1 - 1 / 3)
    assert found["perceptual_task/a"].value == pytest.approx((1 - 1 / 3) / (1 - 1 / 3))


@pytest.mark.parametrize(
    ("labels", "logits", "score"),
    [
        ([1, 1], [NO, NO], "perceptual_model"),  # never right
        ([0, 0], [NO, NO], "perceptual_task"),  # nothing but the most frequent class
    ],
)
def test_zero_denominators(told, scored, labels, logits, score):
    subsets = {((m,), "marginal"): [[NO, YES]] for m in "ab"}
    found = scored(Perceptual(), told(labels, logits, subsets, strangers=draws([1, 0])))
    assert math.isnan(found[f"{score}/a"].value)
    assert math.isnan(found[f"{score}/a"].error)
    assert math.isfinite(found["perceptual/a"].value)


def test_no_numbers_and_one_example(told, scored):
    subsets = {((m,), "marginal"): [[[NAN, 0.0]], [YES]] for m in "ab"}
    found = scored(Perceptual(), told([1], [YES], subsets, strangers=draws([0], [0])))
    assert found["perceptual/a"].value == 0.5
    assert math.isnan(found["perceptual/a"].error)


def test_errors_are_the_scatter_of_samples():
    # One bit seen by one modality, flipped in .1: permuted, it is right by half, but for the one
    # example in each draw that on average stays where it is.
    random, found = np.random.default_rng(0), []
    for _ in range(1500):
        labels = random.integers(2, size=60)
        seen = labels ^ (random.random(60) < 0.1)
        donors = [random.permutation(60) for _ in range(10)]
        received = np.array([seen[places] == labels for places in donors], float)
        lost, influence = accuracy_lost((seen == labels).astype(float), received, donors)
        assert influence.mean() == pytest.approx(lost)
        found.append((lost, influence.std(ddof=1) / math.sqrt(60)))
    lost, errors = np.array(found).T
    assert lost.mean() == pytest.approx(0.4 * 59 / 60, abs=0.004)
    # Shares over ten draws scatter themselves, so that it is a little wide.
    assert 1 < math.sqrt(np.mean(errors**2)) / lost.std() < 1.15
