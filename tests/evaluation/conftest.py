"""A network whose every score can be worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.controls import NORMAL
from mmbal.networks.network import FusionNetwork, Outputs, VariableGroups


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
def batches():
    """Return a function from labels and logits per modality to batches of two."""

    def make(labels, size=2, **inputs):
        arrays = {m: np.asarray(x, "float32") for m, x in inputs.items()}
        return tf.data.Dataset.from_tensor_slices((arrays, np.asarray(labels))).batch(size)

    return make
