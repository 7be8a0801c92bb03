"""Measures of a late fusion: arithmetic on one pass says what passes of their own say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.evaluation import EvaluationContext, Predictor
from mmbal_late import LateConcat
from mmbal_measures import Calibration, PairwiseUtilization, Perceptual, Shapley

EVALUATIONS = [
    PairwiseUtilization(),
    Perceptual(),
    Shapley(absences=("zero", "mean")),
    Calibration(),
]


def examples(seed):
    """Return 40 examples whose inputs tell the label."""
    draw, labels = np.random.default_rng(seed), np.arange(40) % 3
    inputs = {m: np.eye(3)[labels] + draw.normal(size=(40, 3)) for m in "abc"}
    return Examples.from_arrays({m: x.astype("float32") for m, x in inputs.items()}, labels)


def at_once(those):
    """Return all examples as one batch."""
    return [those.read(tf.range(len(those), dtype=tf.int64))]


def test_arithmetic_equals_passes():
    keras.utils.set_random_seed(1)
    network = LateConcat({m: keras.layers.Dense(3, use_bias=False) for m in "abc"}, 3)
    network({m: np.zeros((1, 3), "float32") for m in "abc"})
    for strength, encoder in zip((1, 2, 0.5), network.encoders.values(), strict=True):
        encoder.kernel.assign(strength * np.eye(3))
    (joined,) = (v for v in network.trainable_variables if v.shape == (9, 3))
    joined.assign(np.tile(np.eye(3), (3, 1)))
    splits = {"test": examples(2), "train": examples(3)}
    found = []
    for reads in (frozenset({"features"}), frozenset()):
        made = EvaluationContext(Predictor(network, at_once), splits, seed=5, reads=reads)
        found.append({score.name: score for each in EVALUATIONS for score in each(made)})

    fast, slow = found
    assert [*fast] == [*slow]
    for name, score in fast.items():
        part = "values" if name in ("reliability", "pairwise_utilization") else "value"
        other = getattr(slow[name], part)
        assert getattr(score, part) == pytest.approx(other, abs=1e-5, nan_ok=True)
    assert fast["pairwise_utilization/a+b"].value == fast["pairwise_utilization/c+b"].value != 0
