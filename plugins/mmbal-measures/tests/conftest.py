"""Bits whose every subset is known, the Bayes rule of them as a network, and hand-made contexts."""

import itertools
import math
from collections import defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples
from mmbal.evaluation import EvaluationContext, Predictor
from mmbal.networks import NORMAL, FusionNetwork, Outputs, VariableGroups

NAMES = "abc"


@dataclass(frozen=True)
class Bit:
    """One bit of the label: its parity over modalities ("xor"), or each sees it ("same").

    `flips` are modality to the probability that what it sees is flipped. `unit` is a number of
    outcomes in which every one has a whole share.
    """

    kind: str
    flips: dict
    unit: int

    def cells(self):
        """Return (label bit, observed bits) to probability."""
        found = defaultdict(float)
        sent = itertools.product((0, 1), repeat=len(self.flips) if self.kind == "xor" else 1)
        for bits, flipped in itertools.product(
            [*sent], itertools.product((0, 1), repeat=len(self.flips))
        ):
            chance = math.prod(
                e if f else 1 - e for e, f in zip(self.flips.values(), flipped, strict=True)
            )
            source = bits if self.kind == "xor" else bits * len(self.flips)
            seen = tuple(b ^ f for b, f in zip(source, flipped, strict=True))
            found[sum(bits) % 2, seen] += chance / 2 ** len(bits)
        return found

    def scores(self, subset):
        """Return accuracy and log-likelihood of the best guess by what a subset sees."""
        joint = defaultdict(lambda: [0.0, 0.0])
        for (label, seen), chance in self.cells().items():
            heard = tuple(s for s, m in zip(seen, self.flips, strict=True) if m in subset)
            joint[heard][label] += chance
        chances = [*joint.values()]
        logs = (p * math.log(p / sum(pair)) for pair in chances for p in pair if p)
        return sum(map(max, chances)), sum(logs)

    def drawn(self, cells, count):
        """Return labels and observed bits of cells, each `count(probability)` times."""
        rows = [(label, *seen) for (label, seen), p in cells.items() for _ in range(count(p))]
        return np.array(rows)


CONFIGURATIONS = {
    "redundant": [Bit("same", {"a": 0.1, "b": 0.1}, 200)],
    "redundant-uneven": [Bit("same", {"a": 0.1, "b": 0.2}, 100)],
    "unique": [Bit("same", {"a": 0.05}, 40), Bit("same", {"b": 0.2}, 10)],
    "synergy": [Bit("xor", {"a": 0.1, "b": 0.1}, 200)],
    "mixed": [
        Bit("same", {"a": 0.05}, 40),
        Bit("same", {"a": 0.1, "b": 0.2}, 100),
        Bit("xor", {"b": 0.1, "c": 0.1}, 200),
    ],
    "coarse": [  # the same with errors whose shares need few examples
        Bit("same", {"a": 0.25}, 8),
        Bit("same", {"a": 0.2, "b": 0.4}, 50),
        Bit("xor", {"b": 0.25, "c": 0.25}, 32),
    ],
}


class Bayes(FusionNetwork):
    """Answers with the logarithm of what can be known of the label; untrained, in double precision.

    Every modality gives (batch, bit) integers, 0 where it sees nothing of a bit.
    """

    def __init__(self, bits):
        super().__init__(modalities_of(bits))
        self.bits = bits

    def call(self, inputs, controls=NORMAL, training=False):
        places = range(len(self.modalities))
        keep = controls.keep
        if keep is None:
            keep = tf.ones([1, len(places)])
        masks = tf.unstack(keep) if controls.branches_differ else [keep]
        said = [self.posterior(inputs, tf.cast(mask, tf.float64)) for mask in masks]
        heard = dict(zip(self.modalities, said * (len(places) // len(said)), strict=True))
        logits = self.fuse_logits(heard, keep) if controls.branches_differ else said[0]
        features = {m: tf.cast(inputs[m], tf.float64) for m in self.modalities}
        squeezed = {"seen": tuple(features.values())}
        return Outputs(logits, heard, features, squeezed, {"fused": logits}, heard)

    def posterior(self, inputs, keep):
        """Return (batch, class) logits by what is kept, (batch, modality)."""
        ratios = []  # of the probabilities that a bit is 1 and 0, as logarithms
        for place, bit in enumerate(self.bits):
            seen = {m: 2 * tf.cast(inputs[m][:, place], tf.float64) - 1 for m in bit.flips}
            kept = {m: keep[:, self.modalities.index(m)] for m in bit.flips}
            if bit.kind == "xor":
                right = 0.5 + 0.5 * math.prod(1 - 2 * e for e in bit.flips.values())
                sign = -math.prod(-each for each in seen.values())
                ratios.append(sign * math.prod(kept.values()) * math.log(right / (1 - right)))
            else:
                ratios.append(
                    sum(kept[m] * seen[m] * math.log((1 - e) / e) for m, e in bit.flips.items())
                )
        values = np.arange(2 ** len(ratios))[None] >> np.arange(len(ratios))[:, None] & 1
        return tf.stack(ratios, axis=1) @ tf.constant(values, tf.float64)

    def variable_groups(self):
        return VariableGroups({}, {})


def modalities_of(bits):
    return tuple(m for m in NAMES if any(m in bit.flips for bit in bits))


def examples_of(bits, columns):
    """Return examples of (example, label and observed bits) by bit."""
    labels = sum(rows[:, 0] << place for place, rows in enumerate(columns))
    inputs = {m: np.zeros((len(labels), len(bits)), int) for m in modalities_of(bits)}
    for place, (bit, rows) in enumerate(zip(bits, columns, strict=True)):
        for column, modality in enumerate(bit.flips, start=1):
            inputs[modality][:, place] = rows[:, column]
    return Examples.from_arrays(inputs, labels)


def at_once(examples):
    """Return all examples as one batch."""
    return [examples.read(tf.range(len(examples), dtype=tf.int64))]


def bayes_context(bits, examples, reads=frozenset()):
    """Return a context of the Bayes rule; training has every class once."""
    everyone = np.arange(2 ** len(bits))
    once = [np.tile((everyone >> b & 1)[:, None], 1 + len(bit.flips)) for b, bit in enumerate(bits)]
    splits = {"test": examples, "train": examples_of(bits, once)}
    return EvaluationContext(Predictor(Bayes(bits), at_once), splits, seed=3, reads=reads)


@pytest.fixture(scope="session")
def population():
    """Return a function from a configuration to bits and a context of every outcome's share."""

    def make(name):
        bits, columns = CONFIGURATIONS[name], []
        for bit in bits:
            cells, unit = bit.cells(), bit.unit
            if len(bits) == 3 and bit.kind == "xor":  # flipping both leaves all as it is: half do
                cells = {key: 2 * p for key, p in cells.items() if not key[1][0]}
                unit //= 2
            rows = bit.drawn(cells, lambda p, unit=unit: round(p * unit))
            assert len(rows) == unit
            columns.append(rows)
        places = np.meshgrid(*(np.arange(len(rows)) for rows in columns), indexing="ij")
        columns = [rows[at.ravel()] for rows, at in zip(columns, places, strict=True)]
        return bits, bayes_context(bits, examples_of(bits, columns))

    return make


@pytest.fixture(scope="session")
def sample():
    """Return a function from a configuration to a context of examples drawn from it."""

    def make(name, count=4000, seed=0):
        bits, columns, random = CONFIGURATIONS[name], [], np.random.default_rng(seed)
        for bit in bits:
            cells = bit.cells()
            rows = np.array([(label, *seen) for label, seen in cells])
            columns.append(rows[random.choice(len(rows), count, p=[*cells.values()])])
        return bayes_context(bits, examples_of(bits, columns))

    return make


@dataclass
class Told:
    """A context that answers with arrays; subsets are by (modalities, absence)."""

    labels: object
    logits: object
    subsets: dict = field(default_factory=dict)
    conditional: dict = field(default_factory=dict)
    deaf: dict = field(default_factory=dict)  # those heard -> modality -> logits
    validation: object = None  # labels, logits
    strangers: list = field(default_factory=list)
    modalities: tuple = ("a", "b")
    split: str = "test"
    seed: int = 0
    slices: object = None
    train: object = (0, 1)

    @property
    def classes(self):
        return np.shape(self.logits)[-1]

    @property
    def predictor(self):
        return SimpleNamespace(independent=self.slices is not None)

    def has(self, split):
        return split != "validation" or self.validation is not None

    def predictions(self, split=None):
        labels, logits = self.labels, self.logits
        if split == "train":
            labels = self.train
        elif split == "validation":
            labels, logits = self.validation
        conditional = {m: np.asarray(each, float) for m, each in self.conditional.items()}
        return SimpleNamespace(
            labels=np.asarray(labels),
            logits=np.asarray(logits, float),
            conditional=conditional or dict.fromkeys(self.modalities, np.asarray(logits, float)),
            slices=self.slices,
        )

    def subset(self, split, modalities, absence):
        if tuple(modalities) == self.modalities:
            return self.predictions().logits[None]
        return np.asarray(self.subsets[tuple(modalities), absence], float)

    def hearing(self, split, modalities):
        given = self.deaf[tuple(modalities)]
        return SimpleNamespace(conditional={m: np.asarray(x, float) for m, x in given.items()})

    def blocked(self):
        alone = {m: self.hearing(None, (m,)).conditional[m] for m in self.modalities}
        return SimpleNamespace(conditional=alone)

    def donors(self):
        return self.strangers

    def announce(self, wanted):
        assert all(modalities and absence for modalities, absence in wanted)


@pytest.fixture
def told():
    """Return the context that answers with arrays."""
    return Told


@pytest.fixture
def scored():
    """Return a function from an evaluation and a context to scores and tables by name."""

    def score(evaluation, context):
        yielded = [*evaluation(context)]
        found = {each.name: each for each in yielded}
        assert len(found) == len(yielded)
        names = {name.partition("/")[0].partition("@")[0] for name in found}
        assert names <= {*evaluation.meanings, "reliability"}
        return found

    return score
