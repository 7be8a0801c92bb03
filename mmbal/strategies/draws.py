"""Random numbers of a strategy: the same ones interrupted or not, on any number of replicas."""

import hashlib
import math
from typing import Any

import tensorflow as tf

from mmbal.strategies.step import Batch


class Draws(tf.Module):
    """Draws that depend on the run's seed, the update and their purpose alone.

    They are made from integers, which XLA draws as TensorFlow does; its floats are others.

    Args:
        seed: of the run.
        purpose: such as the name of the strategy; strategies that train together must not draw
            the same numbers.

    Attributes:
        updates: () int64, how often `advance` was called.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        super().__init__(name="draws")
        self._purpose = f"{purpose} {seed}"
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="updates")

    def by_row(self, batch: Batch, columns: int) -> tf.Tensor:
        """Draw uniformly from [0, 1) for every row of the global batch.

        Returns:
            Those of this replica's rows, (batch, columns) float32.
        """

        def drawn(rows: tf.Tensor) -> tf.Tensor:
            return self._uniform([rows, columns], "rows")

        return batch.rows.own(drawn, tf.shape(batch.labels)[0])

    def common(self, count: int) -> tf.Tensor:
        """Draw uniformly from [0, 1) for the whole batch, (count,) float32."""
        return self._uniform([count], "common")

    def normal(self, tensor: tf.Tensor, number: int) -> tf.Tensor:
        """Draw from the standard normal distribution, in shape and type of a tensor.

        Args:
            tensor: of the global batch, such as a gradient.
            number: of the tensor, where there are several.
        """
        shape = tf.concat([[2], tf.shape(tensor)], axis=0)
        one, other = tf.unstack(self._uniform(shape, f"normal {number}"))
        # Box and Muller (1958); a uniform draw may be 0 and is never 1.
        drawn = tf.sqrt(-2 * tf.math.log(1 - one)) * tf.cos(2 * math.pi * other)
        return tf.cast(drawn, tensor.dtype)

    def advance(self) -> None:
        """Go on to the next update; to be called in `Strategy.after_step`."""
        self.updates.assign_add(1)

    def _uniform(self, shape: Any, stream: str) -> tf.Tensor:
        digest = hashlib.sha256(f"{self._purpose} {stream}".encode()).digest()
        own = tf.constant(int.from_bytes(digest[:8], "big", signed=True), tf.int64)
        key = tf.stack([own, tf.convert_to_tensor(self.updates)])
        # The algorithm is named since the choice of "auto" depends on the device.
        bits = tf.random.stateless_uniform(
            shape, key, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
        )
        return tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) * 2.0**-24
