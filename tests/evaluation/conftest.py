"""A network whose every score can be worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.evaluation.context import EvaluationContext
from mmbal.evaluation.predictions import Predictor
from mmbal.networks.controls import NORMAL
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import FusionNetwork, Outputs


class Scripted(FusionNetwork):
    """Branch m answers with its own input plus what module "mix" tells it of the others.

    The input is (batch, classes) logits; what the others tell is the sum of their averages,
    which are the inputs themselves.
    """

    def call(self, inputs, controls=NORMAL, training=False):
        assert training is False
        squeezed = tuple(inputs[m] for m in self.modalities)
        heard = controls.heard("mix", squeezed)
        heard *= len(squeezed) // len(heard)
        unimodal = {m: tf.add_n(each) for m, each in zip(self.modalities, heard, strict=True)}
        return Outputs(self.fuse_logits(unimodal), unimodal, inputs, {"mix": squeezed})

    def variable_groups(self):
        return VariableGroups({}, {})


@pytest.fixture
def scripted():
    """Return a function from modalities to the network."""
    return lambda modalities="ab": Scripted(tuple(modalities))


class Joint(FusionNetwork):
    """Predicts the sum of its inputs, and of each branch the half of its own."""

    def call(self, inputs, controls=NORMAL, training=False):
        squeezed = {"sum": tuple(inputs[m] for m in self.modalities)}
        summed = [tf.add_n(heard) for heard in controls.heard("sum", squeezed["sum"])]
        summed *= len(self.modalities) // len(summed)
        conditional = dict(zip(self.modalities, summed, strict=True))
        summed = summed[0]
        unimodal = {m: inputs[m] / 2 for m in self.modalities}
        return Outputs(summed, unimodal, inputs, squeezed, {"fused": summed}, conditional)

    def variable_groups(self):
        return VariableGroups({}, {})


@pytest.fixture
def joint():
    """Return a network with one prediction for all modalities, a and b."""
    return Joint(("a", "b"))


@pytest.fixture
def context():
    """Return a function from a network, labels and logits per modality to what is evaluated."""

    def make(network, labels, size=2, train=None, seed=0, reads=frozenset(), **inputs):
        arrays = {m: np.asarray(x, "float32") for m, x in inputs.items()}
        test = Examples.from_arrays(arrays, np.asarray(labels, np.int64))
        if train is not None:
            arrays, labels = {m: x[:train] for m, x in arrays.items()}, labels[:train]
        splits = {"test": test, "train": Examples.from_arrays(arrays, np.asarray(labels))}
        predictor = Predictor(network, lambda examples: examples.dataset().batch(size))
        return EvaluationContext(predictor, splits, seed=seed, reads=reads)

    return make
