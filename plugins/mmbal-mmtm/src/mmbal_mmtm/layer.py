"""The multimodal transfer module: gates every branch by a summary of all of them."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.replicas import global_mean


class FanInUniform(keras.initializers.Initializer):
    """U(-1/sqrt(fan_in), 1/sqrt(fan_in)), for kernels and biases of the authors' layers.

    Args:
        fan_in: inputs per output unit; None takes it from the kernel's shape.
        seed: of this initializer; None draws one from Keras's global seed.
    """

    def __init__(self, fan_in: int | None = None, seed: int | None = None) -> None:
        self._fan_in = fan_in
        self._given = seed
        self._seed = seed if seed is not None else keras.random.SeedGenerator()

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> tf.Tensor:
        """Draw values of the given shape."""
        bound = 1 / math.sqrt(self._fan_in or math.prod(shape[:-1]))
        return keras.random.uniform(shape, -bound, bound, dtype=dtype, seed=self._seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"fan_in": self._fan_in, "seed": self._given}


class MMTM(keras.layers.Layer):
    """Multimodal transfer module (Joze et al., CVPR 2020) for any number of modalities.

    Each modality's features are averaged over space and time, the averages of all are
    squeezed together, and every modality gets its own sigmoid gate per channel from that.
    The layer keeps the running mean of every gate over all training batches; an isolated
    branch is gated by that mean, so nothing reaches it from the other modalities
    (Wu et al., ICML 2022, section 5).

    Args:
        ratio: the squeeze has `int(2 * channels / ratio)` units, channels over all modalities.
        gate_scale: factor on the gates; 1 in public code, 2 as printed in the paper.
        name: Keras name.

    Input shape: one (batch, ..., channels) tensor per modality; ranks and channels may differ.
    Output shape: the same, and the averages, one (batch, channels) tensor per modality.
    """

    def __init__(
        self, ratio: float = 4, gate_scale: float = 1, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if ratio <= 0:
            raise ValueError(f"ratio must be positive, received {ratio}")
        self.ratio = ratio
        self.gate_scale = gate_scale

    def build(self, features_shape: Sequence[tuple[*tuple[int | None, ...], int]]) -> None:
        """Create the squeeze, one excitation per modality and the running gate means."""
        channels = [int(shape[-1]) for shape in features_shape]
        units = int(2 * sum(channels) / self.ratio)
        if units < 1:
            raise ValueError(f"ratio {self.ratio} leaves no unit for {sum(channels)} channels")
        self.squeeze = _dense(units, sum(channels), "relu", "squeeze", self.dtype_policy)
        self.excitations = [
            _dense(width, units, "sigmoid", f"excitation_{index}", self.dtype_policy)
            for index, width in enumerate(channels)
        ]
        self.gate_means = [
            self.add_weight(
                shape=(width,), initializer="zeros", trainable=False, name=f"gate_mean_{index}"
            )
            for index, width in enumerate(channels)
        ]
        self.batches = self.add_weight(
            shape=(), initializer="zeros", dtype="int64", trainable=False, name="batches"
        )
        self.squeeze.build((None, sum(channels)))
        for excitation in self.excitations:
            excitation.build((None, units))
        self.built = True

    def call(
        self,
        features: Sequence[tf.Tensor],
        isolate: tf.Tensor | None = None,
        keep: tf.Tensor | None = None,
        blocked: Sequence[tf.Tensor] | None = None,
        training: bool = False,
    ) -> tuple[list[tf.Tensor], tuple[tf.Tensor, ...]]:
        """Gate the features.

        Args:
            features: one (batch, ..., channels) tensor per modality.
            isolate: (modality,) bool or None.
            keep: (batch, modality), 0 hides a modality's average from the squeeze; or None.
            blocked: one (channels,) mean per modality, shown to every branch in place of the
                other modalities' averages; or None.
            training: whether the running gate means move.

        Returns:
            The gated features and the averages.
        """
        squeezed = tuple(_average(feature) for feature in features)
        seen = squeezed
        if keep is not None:
            seen = tuple(
                z * tf.cast(keep[:, index, tf.newaxis], z.dtype) for index, z in enumerate(squeezed)
            )
        gates = self._gates(seen, blocked)
        if training:
            means = self._move_means(gates)
        else:
            means = [tf.convert_to_tensor(mean) for mean in self.gate_means]
        if isolate is not None:
            gates = _hold(gates, means, isolate)
        gated = [
            feature * _spread(gate * self.gate_scale, feature)
            for feature, gate in zip(features, gates, strict=True)
        ]
        return gated, squeezed

    def _gates(
        self, seen: Sequence[tf.Tensor], blocked: Sequence[tf.Tensor] | None
    ) -> list[tf.Tensor]:
        """Return one (batch, channels) gate per modality."""
        if blocked is None:
            shared = self.squeeze(tf.concat(seen, axis=-1))
            return [excitation(shared) for excitation in self.excitations]
        constants = [
            tf.broadcast_to(tf.cast(mean, z.dtype), tf.shape(z))
            for mean, z in zip(blocked, seen, strict=True)
        ]
        gates = []
        for index, excitation in enumerate(self.excitations):
            own = [*constants[:index], seen[index], *constants[index + 1 :]]
            gates.append(excitation(self.squeeze(tf.concat(own, axis=-1))))
        return gates

    def _move_means(self, gates: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Add this batch to the cumulative means and return them, without gradient."""
        before = tf.convert_to_tensor(self.batches)
        moved = []
        for mean, gate in zip(self.gate_means, gates, strict=True):
            batch = global_mean(tf.stop_gradient(tf.cast(gate, mean.dtype)))
            count = tf.cast(before, batch.dtype)
            value = (batch + count * tf.convert_to_tensor(mean)) / (count + 1)
            mean.assign(value)
            moved.append(value)
        self.batches.assign(before + 1)
        return moved

    def fusion_variables(self, index: int) -> list[keras.Variable]:
        """Return the trainable variables that feed branch `index`: squeeze and excitation."""
        return [
            *self.squeeze.trainable_variables,
            *self.excitations[index].trainable_variables,
        ]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        config: dict[str, Any] = super().get_config()
        return config | {"ratio": self.ratio, "gate_scale": self.gate_scale}


def _dense(units: int, fan_in: int, activation: str, name: str, policy: Any) -> keras.layers.Dense:
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=FanInUniform(fan_in),
        bias_initializer=FanInUniform(fan_in),
        name=name,
        dtype=policy,
    )


def _hold(
    gates: Sequence[tf.Tensor], means: Sequence[tf.Tensor], isolate: tf.Tensor
) -> list[tf.Tensor]:
    """Put the running mean in place of every gate whose branch is isolated."""
    return [
        tf.where(isolate[index], tf.cast(mean, gate.dtype), gate)
        for index, (gate, mean) in enumerate(zip(gates, means, strict=True))
    ]


def _average(feature: tf.Tensor) -> tf.Tensor:
    """Average (batch, ..., channels) over everything between: (batch, channels)."""
    return tf.reduce_mean(feature, axis=list(range(1, feature.shape.rank - 1)))


def _spread(gate: tf.Tensor, feature: tf.Tensor) -> tf.Tensor:
    """Reshape a (batch, channels) gate so that it broadcasts over the feature's space."""
    inner = [1] * (feature.shape.rank - 2)
    return tf.reshape(gate, [tf.shape(gate)[0], *inner, gate.shape[-1]])
