"""A network small enough to train twenty steps in a moment, and data for it."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal_mmtm import MMTMNetwork

WIDTHS = {"a": 3, "b": 5, "c": 4, "d": 2}
CLASSES = 3


@pytest.fixture(scope="session")
def make_network():
    """Return a function that builds the same network for the same arguments."""

    def make(modalities="ab", seed=1, **options):
        keras.utils.set_random_seed(seed)
        dense = keras.layers.Dense
        branches = {m: [dense(4, activation="relu"), dense(CLASSES)] for m in modalities}
        network = MMTMNetwork(branches, **options)
        network({m: np.zeros((1, WIDTHS[m]), "float32") for m in modalities})
        return network

    return make


@pytest.fixture(scope="session")
def make_data():
    """Return a function that draws inputs and labels."""

    def make(modalities="ab", examples=40, seed=2):
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


@pytest.fixture
def toy_dataset():
    """Return a function from inputs and labels to a dataset whose every split they are."""

    def make(inputs, labels, augment=None):
        rows = Examples.from_arrays(inputs, labels)
        modalities = {m: Modality(x.shape[1:], str(x.dtype)) for m, x in inputs.items()}
        return MultimodalDataset(modalities, ("0", "1", "2"), rows, rows, rows, "", augment)

    return make


@pytest.fixture(scope="session")
def on_three_replicas():
    """Return what a process with three replicas says of every function that asks the others."""
    program = Path(__file__).with_name("three_replicas.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
