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
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import Outputs, Unimodal, at_least_float32

NAMES = ("sight", "sound", "touch", "taste")
WIDTH, HIDDEN, CLASSES, SEED = 5, 4, 3, 7


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


class LateToy(BranchNetwork):
    """A dense branch per modality and a joint linear classifier on all their features.

    A classifier of each modality's own stands beside it, which only some strategies train.

    Args:
        modalities: name to description, of (channels,) vectors.
        classes: how many there are.
    """

    offers = frozenset({"slice", "head", "mask"})

    def __init__(self, modalities: Mapping[str, Modality], classes: int) -> None:
        encoders = {m: _dense(HIDDEN, "tanh") for m in modalities}
        super().__init__(encoders, (), {m: _dense(classes) for m in modalities}, name="late_toy")
        self.own = [_dense(classes) for _ in modalities]

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        controls: Controls = NORMAL,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; there is nothing between them to isolate."""
        outputs = super().call(inputs, controls, training)
        self.logits_of(outputs.features, "head")  # built in the first pass, whoever uses them
        logits, conditional = outputs.logits, dict.fromkeys(self.modalities, outputs.logits)
        if controls.branches_differ:
            conditional = {
                m: self.fuse_logits(outputs.unimodal, keep)
                for m, keep in zip(self.modalities, tf.unstack(controls.keep), strict=True)
            }
            logits = self.fuse_logits(conditional, controls.keep)
        joint = {"fused": logits}
        return outputs._replace(logits=logits, joint=joint, conditional=conditional, slices=None)

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return as "head" the logits of the classifiers beside the joint one."""
        if kind != "head":
            return super().logits_of(features, kind)
        return {
            m: at_least_float32(layer(features[m]))
            for m, layer in zip(self.modalities, self.own, strict=True)
        }

    def variable_groups(self) -> VariableGroups:
        """Branches: the encoders. Shared: the joint classifier. Heads: those beside it."""
        encoder = super().variable_groups().encoder
        shared = [v for part in self.heads for v in part.trainable_variables]
        own = {m: h.trainable_variables for m, h in zip(self.modalities, self.own, strict=True)}
        return VariableGroups(encoder, {}, shared, own, encoder)


def backbone(shape: Sequence[int]) -> keras.Model:
    """Return a functional model of two layers, `first` and `second`, for any inputs."""
    given = keras.Input(tuple(shape))
    hidden = keras.layers.Dense(HIDDEN, activation="tanh", name="first")(given)
    return keras.Model(given, keras.layers.Dense(HIDDEN, activation="tanh", name="second")(hidden))


TOYS: tuple[Any, ...] = (GatedToy, LateToy)


def _dense(units: int, activation: str | None = None) -> keras.layers.Dense:
    return keras.layers.Dense(units, activation=activation)
