"""A network with one joint classifier and one joined by an MMTM, and steps of training them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.training.network import FusionNetwork, Outputs, VariableGroups, at_least_float32
from mmbal_mmtm import MMTMNetwork

WIDTHS = {"a": 3, "b": 5, "c": 4}
UNITS = {"a": 4, "b": 2, "c": 3}
CLASSES = 3


class LateNetwork(FusionNetwork):
    """Encoders and a linear classifier on their concatenated features."""

    offers = frozenset({"slice", "mask"})

    def __init__(self, modalities):
        super().__init__(tuple(modalities))
        self.encoders = [keras.layers.Dense(UNITS[m], activation="tanh") for m in modalities]
        self.joint = keras.layers.Dense(CLASSES)

    def call(self, inputs, isolate=None, keep=None, blocked=None, transform=None, training=False):
        pairs = zip(self.modalities, self.encoders, strict=True)
        features = {m: encoder(inputs[m]) for m, encoder in pairs}
        if transform is not None:
            features = transform(features)
        fused = self.fuse(features, keep)
        return Outputs(fused, self.logits_of(features, "slice"), features, {}, {"fused": fused})

    def fuse(self, features, keep=None):
        columns = [features[m] for m in self.modalities]
        if keep is not None:
            kept = tf.cast(keep, columns[0].dtype)
            columns = [z * kept[..., i, tf.newaxis] for i, z in enumerate(columns)]
        return at_least_float32(self.joint(tf.concat(columns, axis=-1)))

    def logits_of(self, features, kind):
        if kind != "slice" or not self.joint.built:
            return super().logits_of(features, kind)
        kernel, bias = self.joint.kernel, self.joint.bias
        parts = tf.split(tf.convert_to_tensor(kernel), [UNITS[m] for m in self.modalities])
        share = tf.convert_to_tensor(bias) / len(parts)
        return {
            m: at_least_float32(tf.cast(features[m], part.dtype) @ part + share)
            for m, part in zip(self.modalities, parts, strict=True)
        }

    def variable_groups(self):
        pairs = zip(self.modalities, self.encoders, strict=True)
        branch = {m: encoder.trainable_variables for m, encoder in pairs}
        return VariableGroups(branch, {}, shared=self.joint.trainable_variables)


def mmtm(modalities):
    dense = keras.layers.Dense
    return MMTMNetwork({m: [dense(UNITS[m], "tanh"), dense(CLASSES)] for m in modalities})


@pytest.fixture
def make_network():
    """Return a function that builds the same network for the same arguments."""

    def make(kind="late", modalities="ab"):
        keras.utils.set_random_seed(1)
        network = {"late": LateNetwork, "mmtm": mmtm}[kind](modalities)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture
def make_data():
    """Return a function that draws inputs and labels."""

    def make(modalities="ab", examples=16):
        generator = np.random.default_rng(2)
        labels = generator.integers(0, CLASSES, examples)
        inputs = {m: generator.normal(size=(examples, WIDTHS[m])) for m in modalities}
        for scale, x in enumerate(inputs.values(), start=1):
            x[:, 0] += labels * scale
        return {m: x.astype("float32") for m, x in inputs.items()}, labels

    return make


@pytest.fixture
def train(make_network, make_data):
    """Return a function that trains two epochs of two steps and gives the weights by group."""

    def run(strategy=None, kind="late", modalities="ab", optimizer=None, epochs=2, **options):
        network = make_network(kind, modalities)
        model = BalancedModel(network, strategy, seed=5)
        model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), **options)
        data = make_data(modalities)
        # As a run tells it; strategies may read the examples by themselves.
        model.run_facts = {"examples": Examples.from_arrays(*data), "batch_size": 8}
        model.fit(*data, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
        run.model = model
        return weights(network)

    return run


def weights(network):
    return {
        name: np.concatenate([v.numpy().ravel() for v in members])
        for name, members in network.partition().items()
    }


@pytest.fixture
def precision():
    """Return a function that sets the policy for one test."""
    policy = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(policy)
