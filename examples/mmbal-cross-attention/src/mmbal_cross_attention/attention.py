"""Every branch asks the tokens of the others, or gets what it was told on average."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mmbal.networks import Fusion


class CrossAttention(Fusion):
    """Multi-head attention from the tokens of every branch to those of all others.

    What a branch is told is added to its tokens; an isolated branch is told the mean over
    training, so that nothing of the other modalities reaches it.

    Args:
        channels: width of a token.
        heads: of every attention.
        name: Keras name.

    Input shape: one (batch, tokens, channels) tensor per modality.
    Output shape: the same, and the mean tokens, one (batch, channels) tensor per modality.
    """

    def __init__(self, channels: int, heads: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.channels = channels
        self.heads = heads

    def build(self, shapes: Sequence[Sequence[int | None]]) -> None:
        """Create an attention for every branch that has others to ask."""
        self.attentions = []
        if len(shapes) > 1:
            for shape in shapes:
                attention = keras.layers.MultiHeadAttention(self.heads, self.channels // self.heads)
                attention.build(tuple(shape), (None, None, self.channels))
                self.attentions.append(attention)

    def summarise(self, feature: tf.Tensor) -> tf.Tensor:
        """Return the tokens: every one of them is heard."""
        return feature

    def combine(self, heard: list[tf.Tensor]) -> list[tf.Tensor]:
        """Return them as they are: every branch hears those of the others."""
        return heard

    def message(self, branch: int, combined: list[tf.Tensor]) -> tf.Tensor:
        """Return what the tokens of a branch are told, zeros where there is no other modality."""
        own, others = combined[branch], combined[:branch] + combined[branch + 1 :]
        if not others:
            return tf.zeros_like(own)
        return self.attentions[branch](own, tf.concat(others, axis=1))

    def receive(self, feature: tf.Tensor, message: tf.Tensor) -> tf.Tensor:
        """Add what is told to the tokens."""
        return feature + message

    def fusion_variables(self, branch: int) -> list[keras.Variable]:
        """Return those of the attention that a branch asks with."""
        return self.attentions[branch].trainable_variables if self.attentions else []
