"""Pairwise utilization by hand; that of the Bayes rule stands in test_bayes_rule."""

import math

import numpy as np
import pytest

from mmbal.evaluation import Utilization
from mmbal_measures import PairwiseUtilization

NAN = math.nan


def logits(hits, labels):
    """Return logits that are right where `hits` say so."""
    return np.eye(2)[np.where(hits, labels, 1 - np.asarray(labels))]


def shares(told, full, deaf, count=100):
    """Return a context of so many examples of class 1: which are right, and which without b."""
    labels = np.ones(count, int)
    said = {"a": logits(full, labels), "b": logits(full, labels)}
    heard = {("a",): {"a": logits(deaf, labels)}, ("b",): {"b": logits(full, labels)}}
    return told(labels, said["a"], conditional=said, deaf=heard)


def test_error_of_paired_examples(told, scored):
    # Of 100, 80 are right; without b 66, four of them others.
    context = shares(told, np.repeat([1, 0], [80, 20]), np.repeat([1, 0, 1, 0], [62, 18, 4, 16]))
    found = scored(PairwiseUtilization(), context)
    rate = found["pairwise_utilization/a+b"]
    assert rate.value == pytest.approx(0.175)
    assert rate.error == pytest.approx(0.054, abs=5e-4)
    assert found["pairwise_utilization/b+a"][1:3] == (0, 0)
    both = {score.name: score for score in Utilization()(context)}
    assert both["utilization/a"][1:3] == rate[1:3]


def test_three_branches_hear_two(told, scored):
    labels = np.ones(8, int)

    def right(count):
        return logits(np.arange(8) < count, labels)

    deaf = {
        ("b", "c"): {"b": right(4), "c": right(6)},
        ("a", "c"): {"a": right(8), "c": right(3)},
        ("a", "b"): {"a": right(2), "b": right(8)},
    }
    said = {"a": right(8), "b": right(8), "c": right(6)}
    context = told(labels, right(8), conditional=said, deaf=deaf, modalities=tuple("abc"))
    found = scored(PairwiseUtilization(), context)
    rates = [[NAN, 0, 0.75], [0.5, NAN, 0], [0, 0.5, NAN]]
    assert found["pairwise_utilization"].values == pytest.approx(np.array(rates), nan_ok=True)
    assert found["pairwise_utilization/c+b"].value == 0.5
    axes = {"modality": ("a", "b", "c"), "without": ("a", "b", "c")}
    assert found["pairwise_utilization"].axes == axes


def test_one_prediction_for_all_takes_arithmetic(told, scored):
    labels = np.ones(8, int)
    parts = {m: logits(np.arange(8) < n, labels) for m, n in zip("abc", (8, 6, 4), strict=True)}
    names = {"a": ("b", "c"), "b": ("a", "c"), "c": ("a", "b")}
    subsets = {(names[m], "mean"): parts[m][None] for m in names}
    context = told(labels, parts["a"], subsets, slices={}, modalities=tuple("abc"))
    found = scored(PairwiseUtilization(), context)
    assert found["pairwise_utilization/a+b"].value == found["pairwise_utilization/c+b"].value
    assert found["pairwise_utilization/a+b"].value == 0.25
    assert found["pairwise_utilization/b+a"].value == 0


@pytest.mark.parametrize("right", [0, 2, 4])
def test_near_chance_there_is_no_rate(told, scored, right):
    # Class 1 is never guessed from the frequencies of training: 4 of 20 are 2 errors of .09.
    context = shares(told, np.arange(20) < right, np.arange(20) < 1, count=20)
    found = scored(PairwiseUtilization(), context)
    near = right < 4
    assert ("near_chance/a" in found) == near
    assert math.isnan(found["pairwise_utilization/a+b"].value) == near
    assert math.isnan(found["pairwise_utilization/a+b"].error) == near


def test_one_example_is_never_above_chance(told, scored):
    found = scored(PairwiseUtilization(), shares(told, np.array([1]), np.array([0]), count=1))
    assert found["near_chance/a"].value == 1
    assert math.isnan(found["pairwise_utilization/a+b"].value)


def test_one_modality_leans_on_none(told, scored):
    found = scored(PairwiseUtilization(), told([1, 1], [[0, 1.0]] * 2, modalities=("a",)))
    assert [*found] == ["pairwise_utilization"]
    assert np.isnan(found["pairwise_utilization"].values).all()
