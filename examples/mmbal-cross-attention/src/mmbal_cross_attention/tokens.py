"""Inputs of any shape become tokens."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class Tokens(keras.layers.Layer):
    """Turns an image, a series or a table into tokens with learned positions.

    An image gives a token for every `stride` pixels in both directions, a series one for every
    time, a table one for every number.

    Args:
        channels: width of a token.
        stride: pixels from token to token.

    Input shape: (batch, height, width, channels), (batch, time, channels) or (batch, features).
    Output shape: (batch, tokens, channels).
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels = channels
        self.stride = stride

    def build(self, shape: Sequence[int | None]) -> None:
        """Create the layer that fits the input, and the positions."""
        if len(shape) == 4:
            self.embed = keras.layers.Conv2D(
                self.channels,
                3,
                strides=self.stride,
                padding="same",
                activation="relu",
                data_format="channels_last",
            )
            self.inner = tuple(shape)
        else:
            self.embed = keras.layers.Dense(self.channels)
            self.inner = tuple(shape) if len(shape) == 3 else (*shape, 1)
        self.embed.build(self.inner)
        tokens = 1
        for size in self.embed.compute_output_shape(self.inner)[1:-1]:
            tokens *= int(size)
        self.count = tokens
        self.positions = self.add_weight(
            shape=(tokens, self.channels),
            initializer=keras.initializers.RandomNormal(stddev=0.5),
            name="positions",
        )
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return the tokens."""
        embedded = self.embed(tf.reshape(inputs, [-1, *self.inner[1:]]))
        tokens = tf.reshape(embedded, [-1, self.count, self.channels])
        return tokens + tf.cast(tf.convert_to_tensor(self.positions), tokens.dtype)
