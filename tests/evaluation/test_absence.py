"""Absent modalities: what is absent is unheard, and passes are told before they are made."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.evaluation.absence import DRAWS, donors, mixed
from mmbal.evaluation.context import EvaluationContext
from mmbal.evaluation.predictions import Predictor
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks.controls import Controls


def examples(names, rows=11, seed=3):
    draw = np.random.default_rng(seed)
    arrays = {m: draw.normal(size=(rows, 3)).astype("float32") for m in names}
    return Examples.from_arrays(arrays, np.arange(rows) % 3)


def context(network, test, train, reads=frozenset({"features"})):
    return EvaluationContext(
        Predictor(network), {"test": test, "train": train}, seed=5, reads=reads
    )


@pytest.fixture(scope="module")
def gated():
    keras.utils.set_random_seed(2)
    dense = keras.layers.Dense
    network = GatedBranches({m: [dense(4, activation="relu"), dense(3)] for m in "abc"})
    network({m: np.zeros((1, 3), "float32") for m in "abc"})
    return network


@pytest.mark.parametrize("absence", ["zero", "mean"])
@pytest.mark.parametrize("present", [("a",), ("a", "c")])
def test_an_absent_input_has_no_influence(gated, present, absence):
    test, train = examples("abc"), examples("abc", seed=4)
    made = context(gated, test, train)
    strangers = {m: np.arange(11)[::-1].copy() for m in "abc" if m not in present}
    other = context(gated, mixed(test, strangers), train)
    assert not made.predictor.independent
    np.testing.assert_array_equal(
        made.subset(None, present, absence), other.subset(None, present, absence)
    )
    assert (made.predictions().logits != other.predictions().logits).any()


def test_singles_at_means_are_blocked_branches(gated):
    made = context(gated, examples("abc"), examples("abc", seed=4))
    slow = made.predictor.predict(
        examples("abc"), Controls(keep=tf.constant([[0.0, 1.0, 0.0]]), fill=made.means)
    )
    np.testing.assert_allclose(made.subset(None, ("b",), "mean"), slow.logits[None], atol=1e-5)
    assert made.features(None, ("b",)).shape == (11, slow.logits.shape[1] + 1)


def test_pairs_have_features_of_their_own_pass(gated):
    made = context(gated, examples("abc"), examples("abc", seed=4))
    pair = made.features(None, ("c", "a"))
    np.testing.assert_array_equal(pair, made.features(None, ("a", "c")))
    assert pair.shape[1] == 2 * made.features(None, ("a",)).shape[1]


def test_donors_are_seeded_permutations():
    one, same, other = (donors(("a", "b"), 6, seed) for seed in (0, 0, 1))
    assert len(one) == DRAWS
    for draw, again in zip(one, same, strict=True):
        assert all(sorted(rows) == list(range(6)) for rows in draw.values())
        assert all((draw[m] == again[m]).all() for m in "ab")
    assert any((a["a"] != b["a"]).any() for a, b in zip(one, other, strict=True))
    assert any((draw["a"] != draw["b"]).any() for draw in one)


def test_the_cost_is_told_before(gated):
    made = context(gated, examples("abc"), examples("abc", seed=4))
    told = []
    made.progress.stage = told.append
    made.predictions()
    made.announce([(("a",), "mean"), (("a", "b"), "zero"), (("a",), "marginal"), ("abc", "zero")])
    assert told[0].startswith(f"{1 + DRAWS} more passes over 11 examples of test for subsets")
