"""The architecture contract: what a fusion network offers to the trainer."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from weakref import WeakSet

import keras
import tensorflow as tf

from mmbal.errors import ContractError, RequirementError
from mmbal.keys import check_names
from mmbal.networks.controls import NORMAL, Controls, participants
from mmbal.networks.groups import VariableGroups
from mmbal.networks.rules import Rule
from mmbal.replicas.keras_globals import check_keras_globals

Unimodal = Literal["slice", "head", "mask"]
"""What is meant by the logits of one modality; see `FusionNetwork.logits_of`."""
OWN = "strategy"
"""Name of the group of the variables that a strategy itself trains."""


class Outputs(NamedTuple):
    """What one forward pass yields. `modality` axes follow `FusionNetwork.modalities`.

    Attributes:
        logits: fused prediction, (batch, classes).
        unimodal: one (batch, classes) tensor per modality, what its accuracy is measured on.
        features: what enters each branch's classifier, one (batch, ..., channels) tensor
            per modality.
        squeezed: name of a fusion module to what the modalities say to it, absent or not, one
            (batch, channels) tensor per modality.
        joint: name to the (batch, classes) logits that joint training fits, each with a loss
            of its own; None for `unimodal`, as Wu et al. train.
        conditional: one (batch, classes) tensor per modality, the prediction whose
            utilization is measured: what branch m says given all modalities. None for
            `unimodal`; a network with one prediction for all gives that one.
        slices: modality to its (batch, classes) part of `logits`; None where these are no sum.
        extras: further tensors by name.
    """

    logits: tf.Tensor
    unimodal: dict[str, tf.Tensor]
    features: dict[str, tf.Tensor]
    squeezed: dict[str, tuple[tf.Tensor, ...]]
    joint: dict[str, tf.Tensor] | None = None
    conditional: dict[str, tf.Tensor] | None = None
    slices: dict[str, tf.Tensor] | None = None
    extras: Mapping[str, tf.Tensor] = {}

    @property
    def supervised(self) -> dict[str, tf.Tensor]:
        """Name to the logits that joint training fits."""
        return self.unimodal if self.joint is None else self.joint

    @property
    def predictions(self) -> dict[str, tf.Tensor]:
        """Modality to the prediction whose utilization is measured."""
        return self.unimodal if self.conditional is None else self.conditional


class FusionNetwork(keras.Model):
    """A network with one branch per modality and fusion modules between them.

    Subclasses implement `call` and `variable_groups`. Nothing matches variables by name.

    Args:
        modalities: names of the modalities, in the order of the branches.
        name: Keras name of the model.

    Attributes:
        feature_channels: modality to the channels of `Outputs.features`; empty until called.
        classes: number of classes of its logits; None until called.
        trainers: models that train it.
    """

    offers: frozenset[str] = frozenset({"isolation"})
    """What strategies may ask of it, of `mmbal.capabilities.CAPABILITIES`.

    "isolation": `call` heeds `Controls.isolate`. "slice", "head" and "mask": `logits_of` gives
    them, and with them `fuse`. "rule": `set_rule` changes how the joint classifier computes its
    logits. "encode": `encode` runs the encoder of one modality.
    """

    def __init__(self, modalities: Sequence[str], name: str | None = None) -> None:
        super().__init__(name=name)
        check_names(modalities)
        check_keras_globals()
        self.modalities = tuple(modalities)
        self.trainers: WeakSet[keras.Model] = WeakSet()
        self.feature_channels: dict[str, int] = {}
        self.classes: int | None = None

    @property
    def unimodal_kind(self) -> Literal["branch", "slice"]:
        """What `Outputs.unimodal` are, by which scores are named.

        "slice": each modality's part in a sum of logits, made by an encoder that sees it alone.
        "branch": logits of branches, which may hear the others.
        """
        return "slice" if {"slice", "encode"} <= self.offers else "branch"

    @property
    def accuracy_names(self) -> list[str]:
        """Names of the accuracies of `Outputs.unimodal`, in the order of the branches."""
        return [f"{self.unimodal_kind}_accuracy/{m}" for m in self.modalities]

    def __call__(
        self, inputs: Mapping[str, Any], controls: Controls = NORMAL, **options: Any
    ) -> Any:
        """Run `call`, as any Keras layer; the first time, note how wide features and logits are."""
        outputs = super().__call__(inputs, controls=controls, **options)
        if self.classes is None:
            self.feature_channels = {m: int(z.shape[-1]) for m, z in outputs.features.items()}
            self.classes = int(outputs.logits.shape[-1])
        return outputs

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        controls: Controls = NORMAL,
        training: bool = False,
    ) -> Outputs:
        """Run the branches and their fusion.

        Where `controls.keep` is (branch, batch, modality), every branch predicts from what it
        hears (`Outputs.predictions`), and `logits` are the mean of these predictions over the
        branches whose own modality is kept for them.

        Args:
            inputs: modality to a (batch, ...) tensor.
            controls: what to isolate, leave out, fill in and transform.
            training: whether running means move and dropout drops.
        """
        raise NotImplementedError

    def variable_groups(self) -> VariableGroups:
        """Return the trainable variables by what they serve; the network is built."""
        raise NotImplementedError

    def encode(self, modality: str, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features of one modality's (batch, ...) inputs, as before any `Controls`.

        Raises:
            RequirementError: the encoders of the network see other modalities, too.
        """
        raise self._lacks("features of one modality alone", "encode")

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the fused logits of features, (batch, classes).

        Args:
            features: as `Outputs.features`.
            keep: (batch, modality) or (modality,), 0 leaves a modality's features out of the
                fusion; a bias stays. None keeps all.

        Raises:
            RequirementError: the network offers no logits of single modalities, and so no this.
        """
        raise self._lacks("fused logits of given features", "slice, head or mask")

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return the logits of single modalities, one (batch, classes) tensor each.

        Args:
            features: as `Outputs.features`.
            kind: "slice", the part of each modality in a fusion that is a sum: they sum to the
                fused logits, a common bias shared out evenly. "head", those of a classifier of
                the modality's own. "mask", the fused logits where all other modalities'
                features are left out.

        Raises:
            RequirementError: the network does not offer this kind.
        """
        if kind not in self.offers:
            raise self._lacks(f"{kind!r} logits", kind)
        if kind == "mask":
            alone = tf.eye(len(self.modalities))
            return {m: self.fuse(features, alone[i]) for i, m in enumerate(self.modalities)}
        raise NotImplementedError

    def set_rule(self, rule: Rule) -> None:
        """Let the joint classifier compute its logits by another rule, from now on.

        To be called in `Strategy.adapt`. What was traced before is traced again
        (`forget_traces`), and weights tell the rule. Afterwards "slice" logits are the rule's
        contributions, the fused logits are their sum, and "mask" logits are those of features with
        zeros in place of the other modalities'. "head" stays as it is.

        Args:
            rule: gives what every modality contributes.

        Raises:
            RequirementError: the network's rule cannot be changed.
        """
        raise self._lacks("other rule for its joint classifier", "rule")

    def forget_traces(self) -> None:
        """Have `trainers` trace their steps anew: the network predicts by another rule now."""
        for model in (self, *self.trainers):
            model.train_function = model.test_function = model.predict_function = None

    def _lacks(self, what: str, capability: str) -> RequirementError:
        return RequirementError(
            f"{type(self).__name__} offers no {what}; a strategy that uses them must require "
            f"{capability} (Requirements.architecture), so that it is told before training"
        )

    def partition(self) -> dict[str, list[keras.Variable]]:
        """Return `variable_groups().partition()` after checking that it covers the network.

        Variables that the network does not train (frozen layers) are left out.

        Raises:
            ContractError: a trainable variable belongs to no group, or to two kinds of groups.
        """
        groups = self.variable_groups().partition()
        grouped = {id(v): v for variables in groups.values() for v in variables}
        trained = {id(v): v for v in self.trainable_variables}
        orphans = [v.path for key, v in trained.items() if key not in grouped]
        if orphans:
            raise ContractError(
                f"{type(self).__name__}.variable_groups leaves out {orphans}: every trainable "
                "variable belongs to a branch, to the fusion of one, or to shared"
            )
        kept = {
            name: [v for v in variables if id(v) in trained] for name, variables in groups.items()
        }
        return {name: variables for name, variables in kept.items() if variables}

    def fuse_logits(
        self, unimodal: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the mean of the branches' logits over the modalities present, (batch, classes).

        Args:
            unimodal: modality to (batch, classes).
            keep: as `Controls.keep`, or (modality,).
        """
        stacked = tf.stack([unimodal[m] for m in self.modalities], axis=1)
        if keep is None:
            return tf.reduce_mean(stacked, axis=1)
        weight = tf.cast(participants(keep), stacked.dtype)[:, :, tf.newaxis]
        present = tf.maximum(tf.reduce_sum(weight, axis=1), 1)
        return tf.reduce_sum(stacked * weight, axis=1) / present


def average(feature: tf.Tensor) -> tf.Tensor:
    """Average (batch, ..., channels) over everything between: (batch, channels)."""
    return tf.reduce_mean(feature, axis=list(range(1, feature.shape.rank - 1)))


def at_least_float32(tensor: tf.Tensor) -> tf.Tensor:
    """Widen half-precision tensors: losses and speeds are never computed in 16 bits."""
    return tf.cast(tensor, tf.float32) if tensor.dtype.size < 4 else tensor
