"""Branches of tokens, cross-attention between them, a classifier of each branch's own."""

from collections.abc import Mapping

import keras

from mmbal.data import Modality
from mmbal.errors import ShapeError
from mmbal.networks import BranchNetwork
from mmbal_cross_attention.attention import CrossAttention
from mmbal_cross_attention.options import AttentionOptions
from mmbal_cross_attention.tokens import Tokens


def build(
    options: AttentionOptions, modalities: Mapping[str, Modality], classes: int
) -> BranchNetwork:
    """Build a network that adds to every token what the other modalities tell it.

    Each branch predicts from its mean token, the network the mean of the branches' predictions.

    Raises:
        ShapeError: a modality is no image, series or table.
    """
    for name, modality in modalities.items():
        if len(modality.shape) not in (1, 2, 3):
            raise ShapeError(
                "cross-attention takes (height, width, channels), (time, channels) or (features,), "
                f"modality {name!r} has shape {modality.shape}"
            )
    tokens = {m: Tokens(options.channels, options.stride) for m in modalities}
    attention = CrossAttention(options.channels, options.heads, name="attention")
    mixers = {m: _mixer(options.channels) for m in modalities}
    heads = {m: keras.layers.Dense(classes) for m in modalities}
    return BranchNetwork({m: [tokens[m], mixers[m]] for m in modalities}, attention, heads)


def _mixer(channels: int) -> keras.Sequential:
    """Return the stage behind the attention: (batch, tokens, channels) to (batch, channels)."""
    dense = keras.layers.Dense(channels, "relu")
    return keras.Sequential(
        [dense, keras.layers.GlobalAveragePooling1D(data_format="channels_last")]
    )
