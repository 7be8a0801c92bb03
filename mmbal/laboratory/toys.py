"""Seeded tiny data and networks, on which a plugin's code is tried out in a second."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.networks.branches import BranchNetwork
from mmbal.networks.controls import NORMAL, Controls
from mmbal.networks.fusion import Fusion
from mmbal.networks.network import (
    FusionNetwork,
    Outputs,
    Unimodal,
    VariableGroups,
    at_least_float32,
)

NAMES = ("sight", "sound", "touch", "taste")
WIDTH, HIDDEN, CLASSES, SEED = 5, 4, 3, 7
JOINT = "joint"
"""Where the modalities of `LateToy` meet."""


def toy_data(
    names: Sequence[str] = NAMES[:2], dtype: str = "float32", examples: int = 9
) -> MultimodalDataset:
    """Return noise with the label in the first value of every modality, more clearly in later ones.

    Args:
        names: of modalities of (channels,) vectors, each of another width.
        dtype: of the inputs.
        examples: for training. With batches of 8, the last one of 9 has a single row, fewer than
            two replicas.
    """
    draw = np.random.default_rng(SEED)
    splits: dict[str, Any] = {}
    modalities = {name: Modality((WIDTH + i,), dtype) for i, name in enumerate(names)}
    for split, size in {"train": examples, "validation": 4, "test": 4}.items():
        labels = np.arange(size) % CLASSES
        inputs = {m: draw.normal(size=(size, *each.shape)) for m, each in modalities.items()}
        for strength, x in enumerate(inputs.values(), start=1):
            x[:, 0] += 0.5 * strength * labels
        arrays = {m: x.astype(dtype) for m, x in inputs.items()}
        splits[split] = Examples.from_arrays(arrays, labels)
    classes = tuple(f"class {i}" for i in range(CLASSES))
    return MultimodalDataset(modalities, classes, fingerprint=f"{SEED:x}", **splits)


class Gate(Fusion):
    """Gates every branch by what it hears of all."""

    def build(self, shapes: Any) -> None:
        """Create a common layer, and one per branch behind it."""
        self.squeeze = _dense(HIDDEN, "tanh")
        self.squeeze.build((None, sum(int(shape[-1]) for shape in shapes)))
        self.excite = [_dense(int(shape[-1]), "sigmoid") for shape in shapes]
        for layer in self.excite:
            layer.build((None, HIDDEN))

    def combine(self, heard: list[tf.Tensor]) -> tf.Tensor:
        """Return what the common layer makes of it."""
        return self.squeeze(super().combine(heard))

    def message(self, branch: int, combined: tf.Tensor) -> tf.Tensor:
        """Return what the branch's features are multiplied by."""
        return self.excite[branch](combined)

    def fusion_variables(self, branch: int) -> list[keras.Variable]:
        """Return those of the common layer and of the branch's."""
        return [*self.squeeze.trainable_variables, *self.excite[branch].trainable_variables]


class GatedBranches(BranchNetwork):
    """Branches that gate each other's features after every stage.

    Args:
        branches: modality to its stages of (batch, channels) and, last, its head.
    """

    def __init__(self, branches: Mapping[str, Sequence[keras.layers.Layer]]) -> None:
        stages = {m: layers[:-1] for m, layers in branches.items()}
        gates = [Gate(name=f"gate_{i}") for i in range(len(next(iter(stages.values()))))]
        super().__init__(stages, gates, {m: layers[-1] for m, layers in branches.items()})


class GatedToy(GatedBranches):
    """A dense branch and a classifier per modality; the branches gate each other's features.

    Args:
        modalities: name to description, of (channels,) vectors.
        classes: how many there are.
        offers: what it offers, and refuses the rest.
    """

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        classes: int,
        offers: frozenset[str] = BranchNetwork.offers,
    ) -> None:
        encoders = [_dense(HIDDEN, "tanh") for _ in modalities]
        heads = [_dense(classes) for _ in modalities]
        super().__init__(dict(zip(modalities, zip(encoders, heads, strict=True), strict=True)))
        self.offers = offers


class LateToy(FusionNetwork):
    """A dense branch per modality and a joint linear classifier on all their features.

    A classifier of each modality's own stands beside it, which only some strategies train.

    Args:
        modalities: name to description, of (channels,) vectors.
        classes: how many there are.
    """

    offers = frozenset({"slice", "head", "mask"})

    def __init__(self, modalities: Mapping[str, Modality], classes: int) -> None:
        super().__init__(tuple(modalities), name="late_toy")
        self.encoders = [_dense(HIDDEN, "tanh") for _ in modalities]
        self.parts = [_dense(classes, use_bias=False) for _ in modalities]
        self.bias = self.add_weight(shape=(classes,), initializer="zeros", name="bias")
        self.heads = [_dense(classes) for _ in modalities]

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        controls: Controls = NORMAL,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; there is nothing between them to isolate."""
        features = {
            m: encoder(inputs[m]) for m, encoder in zip(self.modalities, self.encoders, strict=True)
        }
        features = features if controls.transform is None else controls.transform(features)
        self.logits_of(features, "head")  # built in the first pass, whoever uses them
        summaries = tuple(features.values())
        fused = [
            self.fuse(dict(zip(self.modalities, heard, strict=True)))
            for heard in controls.heard(JOINT, summaries)
        ]
        predictions = dict(zip(self.modalities, fused * len(summaries), strict=False))
        logits = fused[0]
        if controls.branches_differ:
            logits = self.fuse_logits(predictions, controls.keep)
        unimodal = self.logits_of(features, "mask")
        squeezed, joint = {JOINT: summaries}, {"fused": logits}
        return Outputs(logits, unimodal, features, squeezed, joint, predictions)

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the sum of the parts of the modalities kept, and the bias."""
        parts = tuple(self._wide(self.parts, features).values())
        (kept,) = Controls(keep=keep).heard(JOINT, parts)
        return tf.add_n(kept) + at_least_float32(tf.convert_to_tensor(self.bias))

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return the parts with a share of the bias, the heads' logits, or masked sums."""
        if kind == "slice":
            share = at_least_float32(tf.convert_to_tensor(self.bias)) / len(self.modalities)
            return {m: part + share for m, part in self._wide(self.parts, features).items()}
        if kind == "head":
            return self._wide(self.heads, features)
        return super().logits_of(features, kind)

    def _wide(
        self, layers: Sequence[keras.layers.Layer], features: Mapping[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        return {
            m: at_least_float32(layer(features[m]))
            for m, layer in zip(self.modalities, layers, strict=True)
        }

    def variable_groups(self) -> VariableGroups:
        """Branches: the encoders. Shared: the joint classifier. Heads: those beside it."""
        branch, head = {}, {}
        for i, modality in enumerate(self.modalities):
            branch[modality] = self.encoders[i].trainable_variables
            head[modality] = self.heads[i].trainable_variables
        shared = [self.bias, *(v for part in self.parts for v in part.trainable_variables)]
        return VariableGroups(branch, {}, shared, head, branch)


def backbone(shape: Sequence[int]) -> keras.Model:
    """Return a functional model of two layers, `first` and `second`, for any inputs."""
    given = keras.Input(tuple(shape))
    hidden = keras.layers.Dense(HIDDEN, activation="tanh", name="first")(given)
    return keras.Model(given, keras.layers.Dense(HIDDEN, activation="tanh", name="second")(hidden))


TOYS: tuple[Any, ...] = (GatedToy, LateToy)


def _dense(units: int, activation: str | None = None, **options: Any) -> keras.layers.Dense:
    return keras.layers.Dense(units, activation=activation, **options)
