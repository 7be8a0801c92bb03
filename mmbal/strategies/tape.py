"""Gradients of the global batch, whatever share of it a replica sees."""

from typing import Any

import keras
import tensorflow as tf

from mmbal.replicas.sums import global_sum, replica_count


class GlobalTape:
    """A gradient tape whose gradients are those of the global batch, unscaled.

    Args:
        tape: of this replica.
        scale: () factor that keeps half-precision gradients from underflowing; or None.
    """

    def __init__(self, tape: tf.GradientTape, scale: tf.Tensor | None) -> None:
        self._tape = tape
        self._scale = scale

    def gradient(self, target: Any, sources: Any, **options: Any) -> Any:
        """Differentiate as `tf.GradientTape.gradient` does.

        Args:
            target: losses.
            sources: variables, whose gradients are summed over the replicas, or tensors of
                the forward pass, whose gradients stay with this replica's rows.
            **options: as of `tf.GradientTape.gradient`, without `output_gradients`.
        """
        if self._scale is not None:
            options["output_gradients"] = tf.nest.map_structure(
                lambda loss: tf.cast(self._scale, loss.dtype), target
            )
        # Of an embedding come slices, a row as often as it was looked up: squares of slices,
        # which optimizers and clipping take, are not those of the gradient.
        gradients = tf.nest.map_structure(_dense, self._tape.gradient(target, sources, **options))
        if self._scale is not None:
            gradients = tf.nest.map_structure(self._unscale, gradients)
        return gradients if replica_count() == 1 else self._reduce(gradients, sources)

    def _unscale(self, gradient: tf.Tensor | None) -> tf.Tensor | None:
        if gradient is None or self._scale is None:
            return gradient
        return gradient / tf.cast(self._scale, gradient.dtype)

    def _reduce(self, gradients: Any, sources: Any) -> Any:
        flat, owners = tf.nest.flatten(gradients), tf.nest.flatten(sources)
        places = [
            place
            for place, (gradient, owner) in enumerate(zip(flat, owners, strict=True))
            if gradient is not None and isinstance(owner, tf.Variable | keras.Variable)
        ]
        local = [flat[place] for place in places]
        for place, total in zip(places, global_sum(local) if local else [], strict=True):
            flat[place] = total
        return tf.nest.pack_sequence_as(gradients, flat)


def _dense(gradient: Any) -> tf.Tensor | None:
    return None if gradient is None else tf.convert_to_tensor(gradient)
