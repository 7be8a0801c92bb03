"""The running mean that stands in the place of a gate: what isolates a branch."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.network import average
from mmbal.replicas.sums import global_mean


class HeldMean(keras.layers.Layer):
    """Keeps the mean of every gate over training, and puts it in the gate's place on demand.

    The mean is cumulative: over all training batches so far, the present one included, each
    weighing the same. It is taken over the global batch, in the precision of variables, and has
    no gradient, so that an isolated branch learns from its own modality alone. It moves by the
    true gates while branches are isolated, too, stands still outside of training, and is saved
    with the weights.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), section 5.

    Args:
        name: Keras name.
        **options: of `keras.layers.Layer`.

    Input shape: one (batch, ..., channels) gate, or any other message, per branch.
    Output shape: the same.
    """

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, autocast=False, **options)

    def build(self, gates_shape: Sequence[Sequence[int | None]]) -> None:
        """Create the means and the count of batches."""
        self.means = [
            self.add_weight(
                shape=shape[-1:], initializer="zeros", trainable=False, autocast=False,
                name=f"mean_{branch}",
            )
            for branch, shape in enumerate(gates_shape)
        ]  # fmt: skip
        self.batches = self.add_weight(
            shape=(), initializer="zeros", dtype="int64", trainable=False, name="batches"
        )

    def call(
        self,
        gates: Sequence[tf.Tensor],
        isolate: tf.Tensor | None = None,
        training: bool = False,
    ) -> list[tf.Tensor]:
        """Return the gates, held at their means where branches are isolated.

        Args:
            gates: one (batch, ..., channels) tensor per branch.
            isolate: (branch,) bool, or None.
            training: whether the means move.
        """
        means = self._move(gates) if training else map(tf.convert_to_tensor, self.means)
        if isolate is None:
            return list(gates)
        return [
            tf.where(isolate[branch], tf.cast(mean, gate.dtype), gate)
            for branch, (gate, mean) in enumerate(zip(gates, means, strict=True))
        ]

    def _move(self, gates: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Add this batch to the means; return them."""
        before = tf.convert_to_tensor(self.batches)
        moved = []
        for mean, gate in zip(self.means, gates, strict=True):
            batch = global_mean(average(tf.stop_gradient(tf.cast(gate, mean.dtype))))
            count = tf.cast(before, batch.dtype)
            moved.append((batch + count * tf.convert_to_tensor(mean)) / (count + 1))
            mean.assign(moved[-1])
        self.batches.assign(before + 1)
        return moved
