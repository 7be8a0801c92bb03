"""Random numbers of a strategy: the same ones interrupted or not, on any number of replicas."""

import hashlib

import tensorflow as tf

from mmbal.strategies.step import Batch


class Draws(tf.Module):
    """Draws that depend on the run's seed, the update and their purpose alone.

    Args:
        seed: of the run.
        purpose: such as the name of the strategy; strategies that train together must not draw
            the same numbers.

    Attributes:
        updates: () int64, how often `advance` was called.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        super().__init__(name="draws")
        digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
        self._seed = int.from_bytes(digest[:8], "big", signed=True)
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False, name="updates")

    def by_row(self, batch: Batch, columns: int) -> tf.Tensor:
        """Draw uniformly from [0, 1) for every row of the global batch.

        Returns:
            Those of this replica's rows, (batch, columns) float32.
        """

        def drawn(rows: tf.Tensor) -> tf.Tensor:
            return self._uniform([rows, columns], stream=0)

        return batch.rows.own(drawn, tf.shape(batch.labels)[0])

    def common(self, count: int) -> tf.Tensor:
        """Draw uniformly from [0, 1) for the whole batch, (count,) float32."""
        return self._uniform([count], stream=1)

    def advance(self) -> None:
        """Go on to the next update; to be called in `Strategy.after_step`."""
        self.updates.assign_add(1)

    def _uniform(self, shape: list[tf.Tensor | int], stream: int) -> tf.Tensor:
        place = 2 * tf.convert_to_tensor(self.updates) + stream
        key = tf.stack([tf.constant(self._seed, tf.int64), place])
        # The algorithm is named since the choice of "auto" depends on the device.
        return tf.random.stateless_uniform(shape, key, dtype=tf.float32, alg="philox")
