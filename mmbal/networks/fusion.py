"""A module between branches: what they say, who hears it, and what that changes."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.controls import NORMAL, Controls
from mmbal.networks.held import HeldMean
from mmbal.networks.network import average


class Fusion(keras.layers.Layer):
    """Sends every branch a message made of what it hears of all modalities, such as a gate.

    A subclass creates its layers in `build`, which gets one shape per modality, and says what a
    `message` is and which `fusion_variables` serve a branch. Isolated branches, absent
    modalities and branches that hear different ones are seen to here.

    Args:
        name: Keras name; under it its summaries stand in `Outputs.squeezed`, means of them in
            `Controls.fill`.
        **options: of `keras.layers.Layer`.

    Input shape: one (batch, ..., channels) tensor per modality; ranks and channels may differ.
    Output shape: the same, and the summaries, one (batch, channels) tensor per modality.
    """

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name=name, **options)
        self.held_mean = HeldMean(name="held_mean", dtype=self.dtype_policy)

    def call(
        self, features: Sequence[tf.Tensor], controls: Controls = NORMAL, training: bool = False
    ) -> tuple[list[tf.Tensor], tuple[tf.Tensor, ...]]:
        """Return the features as the messages change them, and what every modality said.

        Args:
            features: one (batch, ..., channels) tensor per modality.
            controls: `isolate`, `keep` and `fill` count here.
            training: whether the running means of messages move.
        """
        summaries = [self.summarise(feature) for feature in features]
        combined = [self.combine(heard) for heard in controls.heard(self.name, summaries)]
        if len(combined) == 1:
            combined *= len(features)
        messages = [self.message(branch, heard) for branch, heard in enumerate(combined)]
        messages = self.held_mean(messages, isolate=controls.isolate, training=training)
        changed = [self.receive(*pair) for pair in zip(features, messages, strict=True)]
        return changed, tuple(average(summary) for summary in summaries)

    def summarise(self, feature: tf.Tensor) -> tf.Tensor:
        """Return what a modality says: by default the mean over space and time."""
        return average(feature)

    def combine(self, heard: list[tf.Tensor]) -> Any:
        """Return what is computed once for all branches that hear the same: by default joined."""
        return tf.concat(heard, axis=-1)

    def message(self, branch: int, combined: Any) -> tf.Tensor:
        """Return the message to a branch, (batch, ..., channels), of what `combine` returned."""
        raise NotImplementedError

    def receive(self, feature: tf.Tensor, message: tf.Tensor) -> tf.Tensor:
        """Return a branch's features after its message: by default each channel times a gate."""
        inner = [1] * (feature.shape.rank - 2)
        return feature * tf.reshape(message, [tf.shape(message)[0], *inner, message.shape[-1]])

    def fusion_variables(self, branch: int) -> list[keras.Variable]:
        """Return the trainable variables that messages to a branch depend on."""
        raise NotImplementedError
