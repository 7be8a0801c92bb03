"""A network of any branches with an MMTM after each of their stages."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks import (
    FusionNetwork,
    Outputs,
    Unimodal,
    VariableGroups,
    at_least_float32,
)
from mmbal_mmtm.layer import MMTM


class MMTMNetwork(FusionNetwork):
    """Runs the stages of all branches side by side, joined by an MMTM after each.

    Example:
        network = MMTMNetwork({
            "image": [conv_stage, conv_stage_2, keras.Sequential([pool, keras.layers.Dense(10)])],
            "sound": [dense_stage, dense_stage_2, keras.layers.Dense(10)],
        })

    Args:
        branches: modality to its layers: one or more stages and, last, the head that gives
            the logits, (batch, classes). All branches have equally many.
        ratio: of every MMTM.
        gate_scale: of every MMTM.
        tails: modality to a layer between the last MMTM and the head; a modality may have none.
    """

    offers = frozenset({"isolation", "slice", "head", "mask"})

    def __init__(
        self,
        branches: Mapping[str, Sequence[keras.layers.Layer]],
        ratio: float = 4,
        gate_scale: float = 1,
        tails: Mapping[str, keras.layers.Layer] = MappingProxyType({}),
    ) -> None:
        super().__init__(tuple(branches), name="mmtm_network")
        lengths = {name: len(layers) for name, layers in branches.items()}
        if len(set(lengths.values())) != 1 or min(lengths.values()) < 2:
            raise ValueError(
                "every branch needs the same number of layers, at least one stage and a head; "
                f"received {lengths}"
            )
        self.stages = [list(layers[:-1]) for layers in branches.values()]
        self.heads = [layers[-1] for layers in branches.values()]
        self.tails = {name: tails[name] for name in branches if name in tails}
        self.modules = [
            MMTM(ratio, gate_scale, name=f"mmtm_{index}") for index in range(len(self.stages[0]))
        ]

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
        features = [inputs[modality] for modality in self.modalities]
        squeezed = {}
        for index, module in enumerate(self.modules):
            features = [
                stages[index](feature, training=training)
                for stages, feature in zip(self.stages, features, strict=True)
            ]
            constants = None if blocked is None else blocked[module.name]
            features, squeezed[module.name] = module(
                features, isolate=isolate, keep=keep, blocked=constants, training=training
            )
        named = dict(zip(self.modalities, features, strict=True))
        for modality, tail in self.tails.items():
            named[modality] = tail(named[modality], training=training)
        if transform is not None:
            named = transform(named)
        unimodal = self._classify(named, training=training)
        return Outputs(self.fuse_logits(unimodal, keep), unimodal, named, squeezed)

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the mean of the branches' logits over the modalities kept, (batch, classes)."""
        if keep is not None and keep.shape.rank == 1:
            keep = keep[tf.newaxis]
        return self.fuse_logits(self._classify(features), keep)

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return logits of single modalities: "head" and "mask" are those of the branches.

        The fused logits are the mean of the branches', so that "slice" is each divided by their
        number.
        """
        if kind not in self.offers:
            return super().logits_of(features, kind)
        parts = len(self.modalities) if kind == "slice" else 1
        return {m: logits / parts for m, logits in self._classify(features).items()}

    def _classify(
        self, features: Mapping[str, tf.Tensor], training: bool = False
    ) -> dict[str, tf.Tensor]:
        return {
            modality: at_least_float32(head(features[modality], training=training))
            for modality, head in zip(self.modalities, self.heads, strict=True)
        }

    def variable_groups(self) -> VariableGroups:
        """Branches: stages to head. Fusion: excitations, and the squeezes for every branch."""
        encoder, branch = {}, {}
        for modality, stages, head in zip(self.modalities, self.stages, self.heads, strict=True):
            layers = [*stages, *([self.tails[modality]] if modality in self.tails else [])]
            encoder[modality] = [v for layer in layers for v in layer.trainable_variables]
            branch[modality] = [*encoder[modality], *head.trainable_variables]
        fusion = {
            modality: [v for module in self.modules for v in module.fusion_variables(index)]
            for index, modality in enumerate(self.modalities)
        }
        return VariableGroups(branch, fusion, encoder=encoder)
