"""Networks and contexts whose every score can be worked by hand."""

from dataclasses import dataclass, field
from types import SimpleNamespace

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


@dataclass
class Given:
    """A context that answers with arrays: by split, and subsets by (modalities, absence)."""

    labels: dict
    logits: object = None
    unimodal: dict = field(default_factory=dict)
    subsets: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)  # split -> modality -> (example, column)
    modalities: tuple = ("a", "b")
    classes: int = 2
    unimodal_kind: str = "branch"
    slices: object = None
    class_names: tuple = ()
    split: str = "test"
    seed: int = 0
    kept: dict = field(default_factory=dict)

    def predictions(self, split=None):
        labels = np.asarray(self.labels[split or self.split])
        if split not in (None, self.split):
            return SimpleNamespace(labels=labels)
        logits = None if self.logits is None else np.asarray(self.logits, "float32")
        unimodal = {m: np.asarray(each, "float32") for m, each in self.unimodal.items()}
        return SimpleNamespace(labels=labels, logits=logits, unimodal=unimodal, slices=self.slices)

    def subset(self, split, modalities, absence):
        assert split is None
        return np.asarray(self.subsets[modalities, absence], "float32")

    def features(self, split, modalities, part="features"):
        assert part == "features"
        return np.concatenate([self.columns[split or self.split][m] for m in modalities], axis=1)

    def has(self, split):
        return split in self.labels

    def once(self, key, measure):
        if key not in self.kept:
            self.kept[key] = measure()
        return self.kept[key]

    def announce(self, wanted):
        assert all(modalities and absence for modalities, absence in wanted)


@pytest.fixture
def given():
    """Return the context that answers with arrays."""
    return Given


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
