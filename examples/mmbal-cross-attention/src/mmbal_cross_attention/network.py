"""Branches of tokens, cross-attention between them, a classifier of each branch's own."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mmbal import ConfigError, FusionNetwork
from mmbal.data import Modality
from mmbal.networks import Outputs, Unimodal, VariableGroups, at_least_float32
from mmbal_cross_attention.attention import CrossAttention
from mmbal_cross_attention.options import AttentionOptions
from mmbal_cross_attention.tokens import Tokens

ATTENTION = "attention"


class CrossAttentionNetwork(FusionNetwork):
    """Adds to every token what the other modalities tell it, and predicts from the mean token.

    The prediction is the mean of the branches'.

    Args:
        modalities: name to description: images, series or tables.
        classes: how many there are.
        options: widths.
    """

    offers = frozenset({"isolation", "slice", "head", "mask"})

    def __init__(
        self, modalities: Mapping[str, Modality], classes: int, options: AttentionOptions
    ) -> None:
        super().__init__(tuple(modalities), name="cross_attention_network")
        self.tokens = [Tokens(options.channels, options.stride) for _ in modalities]
        self.attention = CrossAttention(options.channels, options.heads, name=ATTENTION)
        self.mixers = [keras.layers.Dense(options.channels, "relu") for _ in modalities]
        self.heads = [keras.layers.Dense(classes) for _ in modalities]

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
        tokens = [embed(inputs[m]) for m, embed in zip(self.modalities, self.tokens, strict=True)]
        seen = [
            each if keep is None else each * tf.cast(keep[:, index, None, None], each.dtype)
            for index, each in enumerate(tokens)
        ]
        means = None if blocked is None else blocked[ATTENTION]
        told = self.attention(seen, isolate=isolate, blocked=means, training=training)
        features = {
            m: tf.reduce_mean(mix(own + heard), axis=1)
            for m, mix, own, heard in zip(self.modalities, self.mixers, tokens, told, strict=True)
        }
        if transform is not None:
            features = transform(features)
        unimodal = self._classify(features)
        summaries = tuple(tf.reduce_mean(each, axis=1) for each in seen)
        fused = self.fuse_logits(unimodal, keep)
        return Outputs(fused, unimodal, features, {ATTENTION: summaries})

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the mean of the branches' logits over the modalities kept, (batch, classes)."""
        if keep is not None and keep.shape.rank == 1:
            keep = keep[None]
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
        """Branches: tokens, mixer and head. Fusion: the attention that a branch asks with."""
        encoder, branch, fusion = {}, {}, {}
        for index, modality in enumerate(self.modalities):
            layers = (self.tokens[index], self.mixers[index])
            encoder[modality] = [v for layer in layers for v in layer.trainable_variables]
            branch[modality] = [*encoder[modality], *self.heads[index].trainable_variables]
            if self.attention.attentions:
                fusion[modality] = self.attention.attentions[index].trainable_variables
        return VariableGroups(branch, fusion, encoder=encoder)


def build(
    options: AttentionOptions, modalities: Mapping[str, Modality], classes: int
) -> CrossAttentionNetwork:
    """Build the network from its options.

    Raises:
        ConfigError: a modality is no image, series or table.
    """
    for name, modality in modalities.items():
        if len(modality.shape) not in (1, 2, 3):
            raise ConfigError(
                "cross-attention takes (height, width, channels), (time, channels) or (features,), "
                f"modality {name!r} has shape {modality.shape}"
            )
    return CrossAttentionNetwork(modalities, classes, options)
