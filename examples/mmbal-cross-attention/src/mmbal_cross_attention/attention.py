"""Every branch asks the tokens of the others, or gets what it was told on average."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mmbal.replicas import global_mean


class CrossAttention(keras.layers.Layer):
    """Multi-head attention from the tokens of every branch to those of all others.

    It keeps the mean of what each branch is told over all training batches and tokens. An isolated
    branch is told that mean, so that nothing of the other modalities reaches it.

    Args:
        channels: width of a token.
        heads: of every attention.
        name: Keras name.

    Input shape: one (batch, tokens, channels) tensor per modality.
    Output shape: the same; zeros where there is no other modality.
    """

    def __init__(self, channels: int, heads: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.channels = channels
        self.heads = heads

    def build(self, shapes: Sequence[Sequence[int | None]]) -> None:
        """Create an attention and a running mean for every branch that has others to ask."""
        self.attentions = []
        if len(shapes) > 1:
            for shape in shapes:
                attention = keras.layers.MultiHeadAttention(self.heads, self.channels // self.heads)
                attention.build(tuple(shape), (None, None, self.channels))
                self.attentions.append(attention)
        self.means = [
            self.add_weight(shape=(self.channels,), initializer="zeros", trainable=False)
            for _ in self.attentions
        ]
        self.batches = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.built = True

    def call(
        self,
        tokens: Sequence[tf.Tensor],
        isolate: tf.Tensor | None = None,
        blocked: Sequence[tf.Tensor] | None = None,
        training: bool = False,
    ) -> list[tf.Tensor]:
        """Return what every token is told.

        Args:
            tokens: one (batch, tokens, channels) tensor per modality.
            isolate: (modality,) bool, who is told the running mean; or None.
            blocked: one (channels,) mean token per modality, which every branch sees in place of
                the other modalities' tokens; or None.
            training: whether the running means move.
        """
        if not self.attentions:
            return [tf.zeros_like(each) for each in tokens]
        told = [
            attention(own, seen_by(index, tokens, blocked), training=training)
            for index, (attention, own) in enumerate(zip(self.attentions, tokens, strict=True))
        ]
        if training:
            self._move_means(told)
        if isolate is None:
            return told
        means = [tf.cast(tf.convert_to_tensor(mean), told[0].dtype) for mean in self.means]
        return [
            tf.where(isolate[index], mean, each)
            for index, (mean, each) in enumerate(zip(means, told, strict=True))
        ]

    def _move_means(self, told: Sequence[tf.Tensor]) -> None:
        """Add this batch, of all devices together, to the cumulative means."""
        before = tf.convert_to_tensor(self.batches)
        for mean, each in zip(self.means, told, strict=True):
            rows = tf.reduce_mean(tf.cast(tf.stop_gradient(each), mean.dtype), axis=1)
            mean.assign((global_mean(rows) + before * tf.convert_to_tensor(mean)) / (before + 1))
        self.batches.assign(before + 1)


def seen_by(
    branch: int, tokens: Sequence[tf.Tensor], blocked: Sequence[tf.Tensor] | None
) -> tf.Tensor:
    """Return what one branch attends to, (batch, tokens of the others, channels)."""
    others = [each for index, each in enumerate(tokens) if index != branch]
    if blocked is not None:
        constants = [mean for index, mean in enumerate(blocked) if index != branch]
        others = [
            tf.broadcast_to(tf.cast(mean, each.dtype), tf.shape(each))
            for mean, each in zip(constants, others, strict=True)
        ]
    return tf.concat(others, axis=1)
