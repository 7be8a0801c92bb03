"""Encoders side by side, and a prediction from what they say, such as a sum of their parts."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from mmbal.networks import NORMAL, Controls, FusionNetwork, Outputs, at_least_float32

FUSION = "fusion"
"""Name of the place where modalities meet, in `Outputs.squeezed`."""


class LateNetwork(FusionNetwork):
    """Encoders that know nothing of each other, and a classifier of their features.

    The fused logits are the sum of what each modality contributes, unless a subclass has another
    `join` and does not offer "slice".

    The features of a modality that is left out are zeros, or means. Where branches hear different
    modalities, each predicts from what it hears: from its own features and the means of the
    others', the utilization tells how much the fused prediction relies on the others.

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
        controls: Controls = NORMAL,
        training: bool = False,
    ) -> Outputs:
        """Run encoders and fusion; arguments as of `FusionNetwork.call`.

        Raises:
            ValueError: a modality is to be isolated, or an encoder returns no vectors.
        """
        if controls.isolate is not None:
            raise ValueError(f"{type(self).__name__} has no gates that could isolate a modality")
        features = {m: self.encode(m, inputs[m], training) for m in self.modalities}
        if controls.transform is not None:
            features = controls.transform(features)
        squeezed = {FUSION: tuple(features[m] for m in self.modalities)}
        heard = [self._named(each) for each in controls.heard(FUSION, squeezed[FUSION])]
        if controls.branches_differ:
            parts, slices = self.parts(features), None
            predictions = self._named([self.fuse(each) for each in heard])
            logits = self.fuse_logits(predictions, controls.keep)
        else:
            (features,) = heard
            parts = self.parts(features)
            slices = parts if "slice" in self.offers else None
            logits = self.join(features) if slices is None else tf.add_n(list(parts.values()))
            predictions = dict.fromkeys(self.modalities, logits)
        joint = {"fused": logits}
        return Outputs(logits, parts, features, squeezed, joint, predictions, slices)

    def parts(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return what each modality adds to the fused logits, (batch, classes) each.

        Where these are no sum, the logits of each alone.
        """
        raise NotImplementedError

    def join(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Return the fused logits of the features of all modalities, (batch, classes)."""
        return tf.add_n(list(self.parts(features).values()))

    def fuse(self, features: Mapping[str, tf.Tensor], keep: tf.Tensor | None = None) -> tf.Tensor:
        """Return the fused logits of features, (batch, classes); biases always count."""
        (kept,) = Controls(keep=keep).heard(FUSION, [features[m] for m in self.modalities])
        return self.join(self._named(kept))

    def encode(self, modality: str, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the features of one modality, (batch, channels).

        Raises:
            ValueError: the encoder returns no vectors.
        """
        features = self.encoders[modality](inputs, training=training)
        if features.shape.rank != 2:
            raise ValueError(
                f"the encoder of {modality!r} must return (batch, channels), received "
                f"{tuple(features.shape)}"
            )
        return features

    def _named(self, tensors: Sequence[tf.Tensor]) -> dict[str, tf.Tensor]:
        return dict(zip(self.modalities, tensors, strict=True))

    def _trained(self) -> dict[str, list[keras.Variable]]:
        """Return modality to the trainable variables of its encoder."""
        return {m: list(encoder.trainable_variables) for m, encoder in self.encoders.items()}


def classifier(classes: int, name: str) -> keras.layers.Dense:
    """Return a linear classifier that computes in the precision of its variables."""
    return keras.layers.Dense(classes, name=name, dtype=keras.config.dtype_policy().variable_dtype)


def widened(parts: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return logits in float32 or wider."""
    return {m: at_least_float32(logits) for m, logits in parts.items()}
