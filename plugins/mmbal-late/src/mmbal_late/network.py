"""Encoders side by side, and a prediction that is a sum of one part per modality."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks import FusionNetwork, Outputs, at_least_float32

FUSION = "fusion"
"""Name of the place where modalities meet, in `Outputs.squeezed`."""


class LateNetwork(FusionNetwork):
    """The fused logits are the sum of what each modality contributes.

    The features of a modality that `keep` leaves out are zeros. With `blocked`, branch m predicts
    from its own features and the training means of the others': its utilization tells how much
    the fused prediction relies on the others.

    Args:
        encoders: modality to a layer from its input to (batch, channels).
        name: Keras name.
    """

    def __init__(self, encoders: Mapping[str, keras.layers.Layer], name: str) -> None:
        super().__init__(tuple(encoders), name=name)
        self.encoders = dict(encoders)

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        isolate: tf.Tensor | None = None,
        keep: tf.Tensor | None = None,
        blocked: dict[str, tuple[tf.Tensor, ...]] | None = None,
        transform: Any = None,
        training: bool = False,
    ) -> Outputs:
        """Run encoders and fusion; arguments as in `mmbal.FusionNetwork.call`.

        Raises:
            ValueError: a modality is to be isolated, or an encoder returns no vectors.
        """
        if isolate is not None:
            raise ValueError(f"{type(self).__name__} has no gates that could isolate a modality")
        features = {m: self._encode(m, inputs[m], training) for m in self.modalities}
        if transform is not None:
            features = transform(features)
        if keep is not None:
            features = self._leave_out(features, keep)
        parts = self.parts(features)
        logits = tf.add_n(list(parts.values()))
        predictions = dict.fromkeys(self.modalities, logits)
        if blocked is not None:
            predictions = self._relying_on_itself(features, blocked[FUSION])
        squeezed = {FUSION: tuple(features[m] for m in self.modalities)}
        return Outputs(logits, parts, features, squeezed, {"fused": logits}, predictions)

    def parts(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return what each modality adds to the fused logits, (batch, classes) each."""
        raise NotImplementedError

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the fused logits of features, (batch, classes); biases always count."""
        kept = dict(features) if keep is None else self._leave_out(features, keep)
        return tf.add_n(list(self.parts(kept).values()))

    def _encode(self, modality: str, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        features = self.encoders[modality](inputs, training=training)
        if features.shape.rank != 2:
            raise ValueError(
                f"the encoder of {modality!r} must return (batch, channels), received "
                f"{tuple(features.shape)}"
            )
        return features

    def _leave_out(
        self, features: Mapping[str, tf.Tensor], keep: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Put zeros in place of absent modalities; `keep` is (modality,) or (batch, modality)."""
        columns = zip(self.modalities, tf.unstack(keep, axis=-1), strict=True)
        return {
            m: features[m] * tf.cast(column[..., tf.newaxis], features[m].dtype)
            for m, column in columns
        }

    def _relying_on_itself(
        self, features: Mapping[str, tf.Tensor], means: tuple[tf.Tensor, ...]
    ) -> dict[str, tf.Tensor]:
        """Return modality to the logits of its own features and the means of all others."""
        constants = {
            m: tf.broadcast_to(tf.cast(mean, features[m].dtype), tf.shape(features[m]))
            for m, mean in zip(self.modalities, means, strict=True)
        }
        return {m: self.fuse({**constants, m: features[m]}) for m in self.modalities}

    def _trained(self) -> dict[str, list[keras.Variable]]:
        """Return modality to the trainable variables of its encoder."""
        return {m: list(encoder.trainable_variables) for m, encoder in self.encoders.items()}


def classifier(classes: int, name: str) -> keras.layers.Dense:
    """Return a linear classifier that computes in the precision of its variables."""
    return keras.layers.Dense(classes, name=name, dtype=keras.config.dtype_policy().variable_dtype)


def widened(parts: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return logits in float32 or wider."""
    return {m: at_least_float32(logits) for m, logits in parts.items()}
