"""A small late-fusion network, data whose second modality is biased, and training on them."""

import functools

import keras
import numpy as np
import pytest

from mmbal import BalancedModel, Examples
from mmbal.strategies import Surroundings
from mmbal_late import LateConcat

WIDTHS = {"a": 3, "b": 2, "c": 4}
CLASSES = 3
EXAMPLES = 24


@pytest.fixture(scope="session")
def make_network():
    """Return a function that builds the same network for the same arguments."""

    def make(modalities="ab", seed=1):
        keras.utils.set_random_seed(seed)
        encoders = {m: keras.layers.Dense(4, activation="tanh") for m in modalities}
        network = LateConcat(encoders, CLASSES)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture(scope="session")
def make_data():
    """Return a function that draws inputs and labels; b shows the label, but for every sixth."""

    def make(modalities="ab", seed=2):
        generator = np.random.default_rng(seed)
        labels = np.arange(EXAMPLES) % CLASSES
        inputs = {
            m: generator.normal(size=(EXAMPLES, WIDTHS[m])).astype("float32") for m in modalities
        }
        inputs["a"][:, 0] += labels
        if "b" in inputs:
            shown = np.where(np.arange(EXAMPLES) % 6 == 0, (labels + 1) % CLASSES, labels)
            inputs["b"] = 0.1 * inputs["b"]
            inputs["b"][:, 0] += 5 * shown
        return inputs, labels

    return make


@pytest.fixture(scope="session")
def make_model(make_network, make_data):
    """Return a function from a strategy to a model that knows the training examples."""

    def make(strategy=None, modalities="ab", optimizer=None, examples=None, **options):
        rows = examples or Examples.from_arrays(*make_data(modalities))
        run = Surroundings(examples=rows)
        model = BalancedModel(make_network(modalities), strategy, seed=5, surroundings=run)
        model.compile(optimizer or keras.optimizers.SGD(0.1), **options)
        return model

    return make


@pytest.fixture(scope="session")
def train(make_model, make_data):
    """Return a function that trains three epochs of one step; model and losses.

    Eagerly, as steps are few, unless told otherwise.
    """

    def train(strategy=None, modalities="ab", **options):
        model = make_model(strategy, modalities, **{"run_eagerly": True, **options})
        fit = {"batch_size": EXAMPLES, "epochs": 3, "shuffle": False, "verbose": 0}
        history = model.fit(*make_data(modalities), **fit).history
        return model, history["loss"]

    return train


@pytest.fixture(scope="module")
def plain(train):
    """Return a function: the network after plain training by Adam, once for a module."""

    @functools.cache
    def plain(modalities, policy):
        assert keras.config.dtype_policy().name == policy
        return train(None, modalities, optimizer=keras.optimizers.Adam(0.01))[0].network

    return plain


@pytest.fixture
def precision():
    """Return a function that sets the policy for one test."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield keras.config.set_dtype_policy
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
