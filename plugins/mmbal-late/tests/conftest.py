"""Small late-fusion networks, and data for them."""

import keras
import numpy as np
import pytest

from mmbal_late import LateConcat, LateSum

WIDTHS = {"a": 3, "b": 5, "c": 4}
SIZES = {"a": 4, "b": 2, "c": 3}
CLASSES = 3


@pytest.fixture(params=[LateConcat, LateSum])
def kind(request):
    """Return each kind of network in turn."""
    return request.param


@pytest.fixture(scope="session")
def make_network():
    """Return a function that builds the same network for the same arguments."""

    def make(kind=LateConcat, modalities="ab", seed=1):
        keras.utils.set_random_seed(seed)
        encoders = {m: keras.layers.Dense(SIZES[m], activation="tanh") for m in modalities}
        network = kind(encoders, CLASSES)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        # Biases begin at 0, where it would not show whether they count.
        for v in network.variables:
            if v.name == "bias":
                v.assign(np.random.default_rng(seed).normal(size=v.shape))
        return network

    return make


@pytest.fixture(scope="session")
def make_data():
    """Return a function that draws inputs and labels."""

    def make(modalities="ab", examples=12, seed=2):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, CLASSES, examples)
        inputs = {
            m: generator.normal(size=(examples, WIDTHS[m])).astype("float32") for m in modalities
        }
        for x in inputs.values():
            x[:, 0] += labels
        return inputs, labels

    return make


@pytest.fixture
def precision():
    """Return a function that sets the policy for one test."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield keras.config.set_dtype_policy
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
