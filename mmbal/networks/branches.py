"""Networks of branches: an encoder and a classifier per modality, fusion modules in between."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import keras
import tensorflow as tf

from mmbal.networks.controls import NORMAL, Controls, participants
from mmbal.networks.fusion import Fusion
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import FusionNetwork, Outputs, Unimodal, at_least_float32

Layers: TypeAlias = keras.layers.Layer | Sequence[keras.layers.Layer]


class BranchNetwork(FusionNetwork):
    """Runs the stages of all branches side by side, with a fusion module after each.

    The prediction is the mean of the branches' over the modalities kept. With a `keep` of
    (branch, batch, modality) these are the modalities that their own branches hear.

    Example:
        network = BranchNetwork(
            {"image": image_encoder, "sound": sound_encoder},
            Gate(name="gate"),
            {"image": keras.layers.Dense(10), "sound": keras.layers.Dense(10)},
        )

    Args:
        encoders: modality to its stages, a layer or several. A fusion module follows each; one
            more stage may come behind the last of them.
        fusion: the modules, one or several, of distinct names; none for late fusion.
        heads: modality to the layer that gives its logits, (batch, classes).
        name: Keras name.

    Raises:
        ValueError: a modality has no head or too few or too many stages, or modules share a name.
    """

    offers = frozenset({"isolation", "slice", "head", "mask"})

    def __init__(
        self,
        encoders: Mapping[str, Layers],
        fusion: Fusion | Sequence[Fusion],
        heads: Mapping[str, keras.layers.Layer],
        name: str | None = None,
    ) -> None:
        super().__init__(tuple(encoders), name=name)
        self.stages = [_listed(layers) for layers in encoders.values()]
        self.fusion = _listed(fusion)
        _check(dict(zip(encoders, self.stages, strict=True)), self.fusion, heads)
        self.heads = [heads[m] for m in self.modalities]
        if not self.fusion:
            self.offers -= {"isolation"}

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        controls: Controls = NORMAL,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; arguments as of `FusionNetwork.call`."""
        features = [inputs[m] for m in self.modalities]
        squeezed = {}
        for number in range(max(map(len, self.stages))):
            features = [
                stages[number](feature, training=training) if number < len(stages) else feature
                for stages, feature in zip(self.stages, features, strict=True)
            ]
            for module in self.fusion[number : number + 1]:
                features, squeezed[module.name] = module(
                    features, controls=controls, training=training
                )
        named = dict(zip(self.modalities, features, strict=True))
        if controls.transform is not None:
            named = controls.transform(named)
        unimodal = self._classify(named, training)
        fused = self.fuse_logits(unimodal, controls.keep)
        slices = self._slices(unimodal, controls.keep)
        return Outputs(fused, unimodal, named, squeezed, slices=slices)

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the mean of the branches' logits over the modalities kept, (batch, classes)."""
        if self.offers <= {"isolation"}:
            return super().fuse(features, keep)
        return self.fuse_logits(self._classify(features), keep)

    def logits_of(self, features: Mapping[str, tf.Tensor], kind: Unimodal) -> dict[str, tf.Tensor]:
        """Return the branches' logits; as "slice", divided by their number."""
        if kind not in self.offers:
            return super().logits_of(features, kind)
        logits = self._classify(features)
        return self._slices(logits, None) if kind == "slice" else logits

    def _classify(
        self, features: Mapping[str, tf.Tensor], training: bool = False
    ) -> dict[str, tf.Tensor]:
        return {
            m: at_least_float32(head(features[m], training=training))
            for m, head in zip(self.modalities, self.heads, strict=True)
        }

    def _slices(
        self, unimodal: Mapping[str, tf.Tensor], keep: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        """Return what each branch adds to the mean of all that are kept."""
        if keep is None:
            return {m: logits / len(self.modalities) for m, logits in unimodal.items()}
        kept = tf.cast(participants(keep), tf.float32)
        shares = kept / tf.maximum(tf.reduce_sum(kept, axis=1, keepdims=True), 1)
        return {
            m: unimodal[m] * tf.cast(shares[:, i, tf.newaxis], unimodal[m].dtype)
            for i, m in enumerate(self.modalities)
        }

    def variable_groups(self) -> VariableGroups:
        """Branches: stages and head. Fusion: what the modules name for a branch."""
        encoder, branch, fusion = {}, {}, {}
        for i, modality in enumerate(self.modalities):
            encoder[modality] = [v for stage in self.stages[i] for v in stage.trainable_variables]
            branch[modality] = [*encoder[modality], *self.heads[i].trainable_variables]
            fusion[modality] = [v for module in self.fusion for v in module.fusion_variables(i)]
        return VariableGroups(branch, fusion, encoder=encoder)


def _listed(layers: Layers) -> list[keras.layers.Layer]:
    return [layers] if isinstance(layers, keras.layers.Layer) else list(layers)


def _check(
    stages: Mapping[str, Sequence[keras.layers.Layer]],
    fusion: Sequence[Fusion],
    heads: Mapping[str, keras.layers.Layer],
) -> None:
    if set(heads) != set(stages):
        raise ValueError(f"heads must be of {list(stages)}, received {list(heads)}")
    least, counts = len(fusion), {m: len(layers) for m, layers in stages.items()}
    if not set(counts.values()) <= {least, least + 1}:
        raise ValueError(
            f"every branch needs a stage before each of {least} fusion modules, and may have one "
            f"behind them; received {counts}"
        )
    names = [module.name for module in fusion]
    if len(set(names)) < len(names):
        raise ValueError(f"fusion modules must have distinct names, received {names}")
