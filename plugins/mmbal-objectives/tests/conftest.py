"""A network with one joint classifier and one joined by an MMTM, and steps of training them."""

import functools

import keras
import numpy as np
import pytest

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.strategies import Surroundings
from mmbal_late import LateConcat
from mmbal_mmtm import MMTMNetwork

WIDTHS = {"a": 3, "b": 5, "c": 4}
UNITS = {"a": 4, "b": 2, "c": 3}
CLASSES = 3


def late(modalities):
    dense = keras.layers.Dense
    network = LateConcat({m: dense(UNITS[m], activation="tanh") for m in modalities}, CLASSES)
    for head in network.joint.heads.values():
        head.trainable = False  # no strategy here trains the classifiers beside the joint one
    return network


def mmtm(modalities):
    dense = keras.layers.Dense
    return MMTMNetwork({m: [dense(UNITS[m], "tanh"), dense(CLASSES)] for m in modalities})


@pytest.fixture(scope="session")
def make_network():
    """Return a function that builds the same network for the same arguments."""

    def make(kind="late", modalities="ab"):
        keras.utils.set_random_seed(1)
        network = {"late": late, "mmtm": mmtm}[kind](modalities)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture(scope="session")
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


def fit(network, data, strategy=None, optimizer=None, batch_size=16, **options):
    """Train two epochs of one step, unless batches are smaller; eagerly, as steps are few."""
    # As a run tells it; strategies may read the examples by themselves.
    run = Surroundings(examples=Examples.from_arrays(*data), batch_size=batch_size)
    model = BalancedModel(network, strategy, seed=5, surroundings=run)
    options = {"run_eagerly": True, **options}
    model.compile(optimizer or keras.optimizers.SGD(0.1, momentum=0.9), **options)
    model.fit(*data, batch_size=batch_size, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.fixture
def train(make_network, make_data):
    """Return a function that trains under a strategy and gives the weights by group."""

    def run(strategy, kind="late", modalities="ab", **options):
        network, data = make_network(kind, modalities), make_data(modalities)
        run.model = fit(network, data, strategy, **options)
        return weights(network)

    return run


@pytest.fixture(scope="module")
def joint(make_network, make_data):
    """Return a function: the weights by group after joint training, done once for a module."""

    @functools.cache
    def run(kind="late", modalities="ab", *, adam=False, **options):
        network = make_network(kind, modalities)
        optimizer = keras.optimizers.Adam(0.01) if adam else None
        fit(network, make_data(modalities), optimizer=optimizer, **options)
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
