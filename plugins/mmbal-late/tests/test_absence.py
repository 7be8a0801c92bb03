"""Subsets of modalities by arithmetic on the features of one pass, beside masked passes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.evaluation import EvaluationContext, Predictor
from mmbal.networks import Controls
from mmbal_late import LateConcat, LateMLP, LateSum

SUBSETS = [("a",), ("b",), ("c",), ("a", "c"), ("b", "c")]


def examples(seed):
    draw = np.random.default_rng(seed)
    arrays = {m: draw.normal(size=(11, 3)).astype("float32") for m in "abc"}
    return Examples.from_arrays(arrays, np.arange(11) % 4)


@pytest.fixture(scope="module", params=[LateConcat, LateSum, LateMLP])
def network(request):
    keras.utils.set_random_seed(1)
    made = request.param({m: keras.layers.Dense(5, activation="relu") for m in "abc"}, 4)
    made({m: np.zeros((1, 3), "float32") for m in "abc"})
    for variable in made.trainable_variables:  # biases are zeros at first
        variable.assign_add(np.random.default_rng(2).normal(size=variable.shape) / 2)
    return made


def context(network, reads=frozenset({"features"})):
    splits = {"test": examples(3), "train": examples(4)}
    return EvaluationContext(Predictor(network), splits, seed=5, reads=reads)


@pytest.mark.parametrize("absence", ["zero", "mean"])
def test_late_fusion_by_arithmetic_is_a_masked_pass(network, absence):
    made = context(network)
    for present in SUBSETS:
        fast = made.subset(None, present, absence)
        assert made.predictor.independent
        keep = tf.constant([[float(m in present) for m in network.modalities]])
        fill = made.means if absence == "mean" else None
        slow = made.predictor.predict(examples(3), Controls(keep=keep, fill=fill)).logits
        np.testing.assert_allclose(fast, slow[None], atol=1e-5)


def test_others_inputs_by_arithmetic_are_a_pass_over_mixed_examples(network):
    made, without = context(network), context(network, reads=frozenset())
    fast = made.subset(None, ("a",), "marginal")
    np.testing.assert_allclose(fast, without.subset(None, ("a",), "marginal"), atol=1e-5)
    assert len(fast) == 10


def test_features_of_a_set_stand_side_by_side(network):
    made = context(network)
    features = made.predictions().features
    np.testing.assert_array_equal(
        made.features(None, ("c", "a")), np.concatenate([features["a"], features["c"]], axis=1)
    )


def test_slices_are_not_identified_and_blocked_does_not_move(network):
    """What moves from one slice to another changes no prediction: only the slices."""
    if not isinstance(network, LateSum):
        pytest.skip("slices of late-concat share their bias, late-mlp has none")
    before = context(network)
    sliced, blocked = before.predictions().slices["a"], before.blocked().conditional["a"]
    shift = np.array([2.25, 0, 0, 0], "float32")
    for modality, sign in (("a", -1), ("b", 1)):
        network.heads[modality].bias.assign_add(sign * shift)
    after = context(network)
    np.testing.assert_allclose(after.predictions().logits, before.predictions().logits, atol=1e-5)
    np.testing.assert_allclose(after.predictions().slices["a"], sliced - shift, atol=1e-5)
    np.testing.assert_allclose(after.blocked().conditional["a"], blocked, atol=1e-5)
