"""Gains of linear classifiers, where there is little to tell; tables stand in test_bayes_rule."""

import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation import EvaluationContext, Subsets
from mmbal_measures import Gain


def spoilt(population, splits):
    context = population("redundant-uneven")[1]
    return EvaluationContext(
        context.predictor,
        dict.fromkeys(splits, context.splits["test"]),
        reads=frozenset({"features"}),
    )


def test_only_the_first_is_a_headline_and_meanings_are_those_of_subsets(population, scored):
    found = scored(Gain(), spoilt(population, ("train", "validation", "test")))
    assert [*found] == [f"{s}@refit/{m}" for m in "ab" for s in ("gain", "gain_nats")]
    assert [n for n, s in found.items() if s.headline] == ["gain@refit/a", "gain@refit/b"]
    assert Gain.meanings.items() <= Subsets.meanings.items()
    # a decides alone: of 100 examples, b is right without it in 8 fewer and 18 more.
    assert found["gain@refit/b"].error == pytest.approx(0, abs=1e-12)
    differences = np.repeat([1, -1, 0], [18, 8, 74])
    assert found["gain@refit/a"].error == pytest.approx(differences.std(ddof=1) / 10)


def test_one_modality_is_compared_with_the_frequencies_of_classes(told, scored):
    features = np.array([[0.0], [0.0], [1.0], [1.0]])
    context = told(
        [0, 0, 1, 1], np.zeros((4, 2)), modalities=("a",), train=[0, 0, 1, 1],
        validation=([0, 0, 1, 1], np.zeros((4, 2))),
    )  # fmt: skip
    context.features = lambda split, modalities, part=None: features
    context.once = lambda key, measure: measure()
    found = scored(Gain(), context)
    assert found["gain@refit/a"].value == 0.5
    assert found["gain_nats@refit/a"].value == pytest.approx(math.log(2), abs=1e-3)


def test_it_needs_validation(population):
    with pytest.raises(MmbalError, match="validation examples, and there are none"):
        [*Gain()(spoilt(population, ("train", "test")))]
