"""Seeded tiny data and networks, on which a plugin's code is tried out in a second."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.networks.network import (
    FusionNetwork,
    Outputs,
    Unimodal,
    VariableGroups,
    at_least_float32,
)
from mmbal.replicas.sums import global_mean

NAMES = ("sight", "sound", "touch", "taste")
WIDTH, HIDDEN, CLASSES = 5, 4, 3
SIZES = {"train": 9, "validation": 4, "test": 4}
"""With batches of 8, the last one of an epoch has a single row, fewer than two replicas."""


def vectors(count: int) -> dict[str, Modality]:
    """Return so many modalities of (channels,) vectors, each of another width."""
    return {name: Modality((WIDTH + i,)) for i, name in enumerate(NAMES[:count])}


def toy_data(count: int, dtype: str = "float32", seed: int = 7) -> MultimodalDataset:
    """Return noise with the label in the first value of every modality, more clearly in later ones.

    Args:
        count: number of modalities.
        dtype: of the inputs.
        seed: of the noise.
    """
    draw = np.random.default_rng(seed)
    splits: dict[str, Any] = {}
    modalities = {m: Modality(each.shape, dtype) for m, each in vectors(count).items()}
    for split, size in SIZES.items():
        labels = np.arange(size) % CLASSES
        inputs = {m: draw.normal(size=(size, *each.shape)) for m, each in modalities.items()}
        for strength, x in enumerate(inputs.values(), start=1):
            x[:, 0] += 0.5 * strength * labels
        arrays = {m: x.astype(dtype) for m, x in inputs.items()}
        splits[split] = Examples.from_arrays(arrays, labels)
    names = tuple(f"class {i}" for i in range(CLASSES))
    return MultimodalDataset(modalities, names, fingerprint=f"{seed:x}", **splits)


class Gate(keras.layers.Layer):
    """Gates every branch by what all of them see, and keeps the running mean of every gate."""

    def build(self, shapes: Any) -> None:
        """Create a common layer, one per branch behind it, and the means."""
        self.squeeze = _dense(HIDDEN, "tanh")
        self.squeeze.build((None, sum(int(shape[-1]) for shape in shapes)))
        self.excite = [_dense(int(shape[-1]), "sigmoid") for shape in shapes]
        for layer in self.excite:
            layer.build((None, HIDDEN))
        self.means = [
            self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False)
            for shape in shapes
        ]
        self.batches = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.built = True

    def call(
        self,
        features: Sequence[tf.Tensor],
        isolate: tf.Tensor | None = None,
        blocked: Sequence[tf.Tensor] | None = None,
        training: bool = False,
    ) -> list[tf.Tensor]:
        """Return what every branch's (batch, channels) features are multiplied by."""
        gates = [
            layer(self.squeeze(tf.concat(_seen(features, i, blocked), axis=-1)))
            for i, layer in enumerate(self.excite)
        ]
        if training:
            self._move_means(gates)
        if isolate is None:
            return gates
        held = [tf.cast(tf.convert_to_tensor(mean), gates[0].dtype) for mean in self.means]
        return [
            tf.where(isolate[i], mean, gate)
            for i, (mean, gate) in enumerate(zip(held, gates, strict=True))
        ]

    def _move_means(self, gates: Sequence[tf.Tensor]) -> None:
        before = tf.convert_to_tensor(self.batches)
        for mean, gate in zip(self.means, gates, strict=True):
            batch = global_mean(tf.cast(tf.stop_gradient(gate), mean.dtype))
            mean.assign((batch + before * tf.convert_to_tensor(mean)) / (before + 1))
        self.batches.assign(before + 1)


class GatedToy(FusionNetwork):
    """A dense branch per modality, a gate between them, a classifier of each branch's own.

    The prediction is the mean of the branches', as in a network of MMTMs.

    Args:
        modalities: name to description, of (channels,) vectors.
        classes: how many there are.
    """

    offers = frozenset({"isolation", "slice", "head", "mask"})

    def __init__(self, modalities: Mapping[str, Modality], classes: int) -> None:
        super().__init__(tuple(modalities), name="gated_toy")
        self.encoders = [_dense(HIDDEN, "tanh") for _ in modalities]
        self.gate = Gate(name="gate")
        self.heads = [_dense(classes) for _ in modalities]

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        isolate: tf.Tensor | None = None,
        keep: tf.Tensor | None = None,
        blocked: dict[str, tuple[tf.Tensor, ...]] | None = None,
        transform: Any = None,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; arguments as in `mmbal.FusionNetwork.call`."""
        features = [
            encoder(inputs[m]) for m, encoder in zip(self.modalities, self.encoders, strict=True)
        ]
        seen = _masked(features, keep)
        means = None if blocked is None else blocked["gate"]
        gates = self.gate(seen, isolate=isolate, blocked=means, training=training)
        gated = [feature * gate for feature, gate in zip(features, gates, strict=True)]
        named = dict(zip(self.modalities, gated, strict=True))
        named = named if transform is None else transform(named)
        unimodal = self._classify(named)
        return Outputs(self.fuse_logits(unimodal, keep), unimodal, named, {"gate": tuple(seen)})

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the mean of the branches' logits over the modalities kept."""
        if keep is not None and keep.shape.rank == 1:
            keep = keep[tf.newaxis]
        return self.fuse_logits(self._classify(features), keep)

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return the branches' logits, divided by their number where they must sum up."""
        if kind not in self.offers:
            return super().logits_of(features, kind)
        parts = len(self.modalities) if kind == "slice" else 1
        return {m: logits / parts for m, logits in self._classify(features).items()}

    def _classify(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {
            m: at_least_float32(head(features[m]))
            for m, head in zip(self.modalities, self.heads, strict=True)
        }

    def variable_groups(self) -> VariableGroups:
        """Branches: encoder and head. Fusion: the gate's own layer and the common one."""
        squeeze = self.gate.squeeze.trainable_variables
        encoder, branch, fusion = {}, {}, {}
        for i, modality in enumerate(self.modalities):
            encoder[modality] = self.encoders[i].trainable_variables
            branch[modality] = [*encoder[modality], *self.heads[i].trainable_variables]
            fusion[modality] = [*squeeze, *self.gate.excite[i].trainable_variables]
        return VariableGroups(branch, fusion, encoder=encoder)


class BareToy(GatedToy):
    """A gated toy that offers no more than it is told to, and refuses the rest.

    Args:
        modalities, classes: as of `GatedToy`.
        offers: what it offers.
    """

    def __init__(
        self, modalities: Mapping[str, Modality], classes: int, offers: frozenset[str]
    ) -> None:
        super().__init__(modalities, classes)
        self.offers = offers

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return what `GatedToy` does, if logits of single modalities are offered at all."""
        if self.offers <= {"isolation"}:
            return FusionNetwork.fuse(self, features, keep)
        return super().fuse(features, keep)


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
        isolate: tf.Tensor | None = None,
        keep: tf.Tensor | None = None,
        blocked: dict[str, tuple[tf.Tensor, ...]] | None = None,
        transform: Any = None,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; there is nothing between them to isolate or to block."""
        features = {
            m: encoder(inputs[m]) for m, encoder in zip(self.modalities, self.encoders, strict=True)
        }
        features = features if transform is None else transform(features)
        heads = self.logits_of(features, "head")  # built in the first pass, whoever uses them
        del heads
        logits = self.fuse(features, keep)
        unimodal = self.logits_of(features, "mask")
        same = dict.fromkeys(self.modalities, logits)
        return Outputs(logits, unimodal, features, {}, {"fused": logits}, same)

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the sum of the parts of the modalities kept, and the bias."""
        parts = self._parts(features)
        if keep is not None:
            keep = keep[tf.newaxis] if keep.shape.rank == 1 else keep
            parts = _masked(parts, keep)
        return tf.add_n(parts) + at_least_float32(tf.convert_to_tensor(self.bias))

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return the parts with a share of the bias, the heads' logits, or masked sums."""
        if kind == "slice":
            share = at_least_float32(tf.convert_to_tensor(self.bias)) / len(self.modalities)
            parts = self._parts(features)
            return {m: part + share for m, part in zip(self.modalities, parts, strict=True)}
        if kind == "head":
            return {
                m: at_least_float32(head(features[m]))
                for m, head in zip(self.modalities, self.heads, strict=True)
            }
        return super().logits_of(features, kind)

    def _parts(self, features: Mapping[str, tf.Tensor]) -> list[tf.Tensor]:
        return [
            at_least_float32(part(features[m]))
            for m, part in zip(self.modalities, self.parts, strict=True)
        ]

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


def _seen(
    features: Sequence[tf.Tensor], own: int, blocked: Sequence[tf.Tensor] | None
) -> list[tf.Tensor]:
    """Return what one branch's gate sees: means in place of the others' where blocked."""
    if blocked is None:
        return list(features)
    return [
        feature if i == own else tf.broadcast_to(tf.cast(mean, feature.dtype), tf.shape(feature))
        for i, (feature, mean) in enumerate(zip(features, blocked, strict=True))
    ]


def _masked(tensors: Sequence[tf.Tensor], keep: tf.Tensor | None) -> list[tf.Tensor]:
    if keep is None:
        return list(tensors)
    return [x * tf.cast(keep[:, i, tf.newaxis], x.dtype) for i, x in enumerate(tensors)]


def _dense(units: int, activation: str | None = None, **options: Any) -> keras.layers.Dense:
    return keras.layers.Dense(units, activation=activation, **options)
