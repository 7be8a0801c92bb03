"""Data and a network whose every showing and step is drawn: what a resumed run must keep."""

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.laboratory.toys import GatedBranches

EXAMPLES = 24


class Noisy(DatasetSource):
    """Augments by noise, which depends on the seed of the row alone."""

    def __init__(self, options):
        pass

    def load(self, data_dir, seed):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 3, EXAMPLES)
        inputs = {m: generator.normal(size=(EXAMPLES, w)) for m, w in (("a", 3), ("b", 2))}
        train, validation, test = (
            Examples.from_arrays({m: (x + i).astype("float32") for m, x in inputs.items()}, labels)
            for i in range(3)
        )
        modalities = {m: Modality(x.shape[1:]) for m, x in inputs.items()}
        return MultimodalDataset(
            modalities, ("0", "1", "2"), train, validation, test, "noisy", _augment
        )


def _augment(inputs, label, seed):
    noise = tf.random.stateless_normal(inputs["a"].shape, seed)
    return {**inputs, "a": inputs["a"] + noise}, label


def forgetful(options, modalities, classes):
    """Return a network with statistics and random states of its own."""
    layers = keras.layers
    return GatedBranches(
        {
            m: [
                keras.Sequential([layers.Dense(6, activation="relu"), layers.Dropout(0.4)]),
                keras.Sequential([layers.BatchNormalization(), layers.Dense(classes)]),
            ]
            for m in modalities
        }
    )
