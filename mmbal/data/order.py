"""In which order a training shows its examples: by seed and epoch alone."""

from typing import Any

import tensorflow as tf


def epoch_order(count: Any, seed: int, epoch: Any) -> tf.Tensor:
    """Return the order of an epoch's rows, (count,) int."""
    # Sorting drawn numbers: equal ones, should there be any, keep their order.
    return tf.math.top_k(draw_integers([count], seed, 2 * epoch), count).indices


def draw_integers(shape: Any, seed: int, stream: Any) -> tf.Tensor:
    """Draw from all int64 numbers, the same ones for the same seed and stream."""
    seeds = tf.stack([tf.constant(seed, tf.int64), tf.cast(stream, tf.int64)])
    # The algorithm is named since the choice of "auto" depends on the device.
    return tf.random.stateless_uniform(
        shape, seeds, minval=None, maxval=None, dtype=tf.int64, alg="philox"
    )
