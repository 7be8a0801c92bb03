"""A network whose every score can be worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.network import FusionNetwork, Outputs, VariableGroups


class Scripted(FusionNetwork):
    """Branch m answers with its own input plus what module "mix" tells it of the others.

    The input is (batch, classes) logits; what the others tell is the sum of their averages,
    which are the inputs themselves.
    """

    def call(self, inputs, isolate=None, keep=None, blocked=None, transform=None, training=False):
        assert training is False
        squeezed = tuple(inputs[m] for m in self.modalities)
        unimodal = {}
        for index, m in enumerate(self.modalities):
            told = squeezed if blocked is None else blocked["mix"]
            others = [z for other, z in enumerate(told) if other != index]
            unimodal[m] = inputs[m] + sum(others, tf.zeros_like(inputs[m]))
        return Outputs(self.fuse_logits(unimodal), unimodal, inputs, {"mix": squeezed})

    def variable_groups(self):
        return VariableGroups({}, {})


@pytest.fixture
def scripted():
    """Return a function from modalities to the network."""
    return lambda modalities="ab": Scripted(tuple(modalities))


class Joint(FusionNetwork):
    """Predicts the sum of its inputs, and of each branch the half of its own."""

    def call(self, inputs, isolate=None, keep=None, blocked=None, transform=None, training=False):
        summed = tf.add_n([inputs[m] for m in self.modalities])
        conditional = dict.fromkeys(self.modalities, summed)
        if blocked is not None:
            rest = tf.add_n(list(blocked["sum"]))
            held = zip(self.modalities, blocked["sum"], strict=True)
            conditional = {m: inputs[m] + rest - mean for m, mean in held}
        unimodal = {m: inputs[m] / 2 for m in self.modalities}
        squeezed = {"sum": tuple(inputs[m] for m in self.modalities)}
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
