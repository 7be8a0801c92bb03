"""Batch normalization by TensorFlow's fused kernel."""

from typing import Any

import keras
import tensorflow as tf

from mmbal.replicas.sums import replica_count


@keras.saving.register_keras_serializable("mmbal")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, whose training step is one kernel instead of a dozen operations.

    Arguments, variables, configuration and numbers are those of `keras.layers.BatchNormalization`,
    and so is the class name, by which Keras keys saved weights: either layer loads those of the
    other. The kernel normalizes (batch, height, width, channels) and (batch, time, height, width,
    channels) in float32 and bfloat16 while the layer trains. Anything else is computed as Keras
    does: other ranks, axes and types, masks, `renorm`, inference, and statistics that are
    synchronised over several replicas.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """Normalize; arguments as of `keras.layers.BatchNormalization`."""
        moves = training and self.trainable
        if not moves or mask is not None or not self._suits_kernel(inputs):
            return super().call(inputs, training=training, mask=mask)
        # Time is one more part of the batch, as the kernel for clips is twice as slow.
        maps = tf.reshape(inputs, tf.concat([[-1], tf.shape(inputs)[-3:]], axis=0))
        scale, offset, running_mean, running_variance = self._parameters()
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=maps,
            scale=scale,
            offset=offset,
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel estimates the population's variance; Keras keeps the batch's own.
        values = tf.cast(tf.size(maps) // tf.size(mean), tf.float32)
        variance *= (values - 1) / values
        self.moving_mean.assign(self._moved(running_mean, mean))
        self.moving_variance.assign(self._moved(running_variance, variance))
        return tf.ensure_shape(tf.reshape(outputs, tf.shape(inputs)), inputs.shape)

    def _suits_kernel(self, inputs: tf.Tensor) -> bool:
        rank = len(inputs.shape)
        return (
            rank in (4, 5)
            and self.axis in (-1, rank - 1)
            and inputs.dtype in (tf.float32, tf.bfloat16)
            and not getattr(self, "renorm", False)  # Keras has it since 3.13
            and not (self.synchronized and replica_count() > 1)
        )

    def _parameters(self) -> list[tf.Tensor]:
        """Return gamma, beta, the running mean and the running variance, (channels,) float32."""
        shape = self.moving_mean.shape
        gamma = self.gamma if self.scale else tf.ones(shape)
        beta = self.beta if self.center else tf.zeros(shape)
        of_layer = (gamma, beta, self.moving_mean, self.moving_variance)
        return [tf.cast(tf.convert_to_tensor(value), tf.float32) for value in of_layer]

    def _moved(self, running: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        return running * self.momentum + batch * (1.0 - self.momentum)


def fuse_batch_norm(network: keras.Model) -> None:
    """Let Keras's own batch normalizations in a network train by the fused kernel, in place.

    Functions that were traced before keep what they do: call it before training. Layers of
    subclasses stay as they are.

    Example:
        backbone = keras.applications.MobileNetV2(include_top=False)
        fuse_batch_norm(backbone)
    """
    for layer in network._flatten_layers():  # noqa: SLF001  (Keras offers no public way down)
        if type(layer) is keras.layers.BatchNormalization:
            layer.__class__ = BatchNormalization
