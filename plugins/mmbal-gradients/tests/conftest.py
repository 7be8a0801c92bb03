"""A late-fusion network of a linear classifier on concatenated features, and data for it."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.networks import NORMAL, FusionNetwork, Outputs, VariableGroups, at_least_float32
from mmbal.strategies import Batch, Step
from mmbal_mmtm import MMTMNetwork

WIDTHS = {"a": 3, "b": 5, "c": 4, "d": 2, "e": 2}
CLASSES, UNITS = 3, 4


class LateNetwork(FusionNetwork):
    """One dense encoder and one head per modality; fused logits are linear in all features."""

    offers = frozenset({"slice", "head", "mask"})

    def __init__(self, modalities, stage):
        super().__init__(tuple(modalities), name="late")
        self.encoders = {m: stage(m) for m in modalities}
        self.joint = keras.layers.Dense(CLASSES, bias_initializer="random_normal")
        self.heads = {m: keras.layers.Dense(CLASSES) for m in modalities}

    def call(self, inputs, controls=NORMAL, training=False):
        features = {m: self.encoders[m](inputs[m], training=training) for m in self.modalities}
        features = controls.transform(features) if controls.transform else features
        fused, heads = self.fuse(features, controls.keep), self.logits_of(features, "head")
        return Outputs(fused, heads, features, {}, {"fused": fused}, dict.fromkeys(heads, fused))

    def fuse(self, features, keep=None):
        shown = [features[m] for m in self.modalities]
        if keep is not None:
            keep = tf.cast(tf.reshape(keep, [-1, len(shown)]), shown[0].dtype)
            shown = [x * keep[:, i : i + 1] for i, x in enumerate(shown)]
        return at_least_float32(self.joint(tf.concat(shown, axis=-1)))

    def logits_of(self, features, kind):
        if kind == "head":
            return {m: at_least_float32(self.heads[m](features[m])) for m in self.modalities}
        if kind != "slice":
            return super().logits_of(features, kind)
        bias = at_least_float32(tf.convert_to_tensor(self.joint.bias)) / len(self.modalities)
        parts = tf.split(tf.convert_to_tensor(self.joint.kernel), len(self.modalities))
        return {
            m: at_least_float32(tf.matmul(features[m], tf.cast(part, features[m].dtype))) + bias
            for m, part in zip(self.modalities, parts, strict=True)
        }

    def variable_groups(self):
        lists = [
            {m: list(layers[m].trainable_variables) for m in self.modalities}
            for layers in (self.encoders, self.heads)
        ]
        return VariableGroups(lists[0], {}, list(self.joint.trainable_variables), lists[1])


def dense(modality):
    return keras.layers.Dense(UNITS, activation="tanh")


def normalised(modality):
    layers = keras.layers
    return keras.Sequential(
        [layers.Dense(UNITS), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.3)]
    )


@pytest.fixture(scope="session")
def late():
    """Return a function that builds the same late-fusion network for the same arguments."""

    def make(modalities="ab", stage=dense, seed=1):
        keras.utils.set_random_seed(seed)
        network = LateNetwork(modalities, stage)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


class Padded(keras.layers.Layer):
    """A shared layer behind zeros."""

    def __init__(self, layer, width):
        super().__init__()
        self.layer, self._width = layer, width

    def call(self, inputs):
        return self.layer(tf.pad(inputs, [[0, 0], [0, self._width]]))


@pytest.fixture
def siamese(late):
    """Return a network whose two modalities share all of their encoder."""
    shared = keras.layers.Dense(UNITS)
    return late(stage=lambda m: Padded(shared, WIDTHS["b"] - WIDTHS[m]))


@pytest.fixture(scope="session")
def stochastic(late):
    """Return a function that builds one with batch normalisation and dropout."""
    return lambda modalities="ab": late(modalities, normalised)


@pytest.fixture(scope="session")
def mmtm():
    """Return a function that builds the same network with an MMTM for the same arguments."""

    def make(modalities="ab", seed=1):
        keras.utils.set_random_seed(seed)
        layer = keras.layers.Dense
        network = MMTMNetwork(
            {m: [layer(UNITS, activation="relu"), layer(CLASSES)] for m in modalities}
        )
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture(scope="session")
def networks(late, mmtm):
    """Return how to build networks, by kind."""
    return {"late": late, "mmtm": mmtm}


@pytest.fixture(scope="session")
def draw():
    """Return a function that draws inputs and labels; `a` tells the label best."""

    def draw(modalities="ab", examples=16):
        generator = np.random.default_rng(2)
        labels = generator.integers(0, CLASSES, examples)
        inputs = {
            m: generator.normal(size=(examples, WIDTHS[m])).astype("float32") for m in modalities
        }
        for x, clear in zip(inputs.values(), (2.0, 0.5, 0.3, 0.2, 0.1), strict=False):
            x[:, 0] += clear * labels
        return inputs, labels

    return draw


@pytest.fixture(scope="session")
def train(draw):
    """Return a function that trains a network under a strategy, a step of 8 per epoch.

    Eagerly, as steps are few; each strategy has a test that graphs do the same.
    """

    def train(strategy, network, optimizer=None, epochs=2, examples=8, **options):
        model = BalancedModel(network, strategy, seed=5)
        model.compile(
            optimizer or keras.optimizers.SGD(0.2, momentum=0.9), **{"run_eagerly": True, **options}
        )
        inputs, labels = draw(network.modalities, examples)
        model.fit(inputs, labels, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
        return model

    return train


@pytest.fixture(scope="module")
def plain(networks, train, weights):
    """Return a function: the weights after plain training, for a kind and its modalities."""

    @functools.cache
    def plain(kind="late", modalities="ab", examples=8):
        return weights(train(None, networks[kind](modalities), examples=examples))

    return plain


@pytest.fixture(scope="session")
def weights():
    """Return a function: the trained variables of a model as arrays, in their order."""
    return lambda model: [v.numpy() for v in model.network.trainable_variables]


@pytest.fixture(scope="session")
def apart():
    """Return a function: how far two lists of arrays are from each other, at most."""

    def apart(some, others):
        return max(abs(x - y).max() for x, y in zip(some, others, strict=True))

    return apart


@pytest.fixture(scope="session")
def make_step(draw):
    """Return a function from a network to the step of one batch, with its outputs."""

    def make(network, *, training=True):
        inputs, labels = draw(network.modalities)
        inputs = {m: tf.constant(x) for m, x in inputs.items()}
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        outputs = network(inputs, training=training)
        return Step(Batch.of(inputs, tf.constant(labels)), outputs, loss)

    return make


@pytest.fixture
def precision():
    """Return a function that sets the policy for one test."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield keras.config.set_dtype_policy
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def example():
    """Return labels and the logits of three modalities, of which numbers by hand are made."""
    logits = {
        "a": [[2.0, 0, 0], [0, 1, 0]],
        "v": [[0.5, 0, 0], [0, 0.2, 0.1]],
        "t": [[0, 0.4, 0], [0.3, 0, 0]],
    }
    return tf.constant([0, 1]), {m: tf.constant(x, tf.float32) for m, x in logits.items()}
