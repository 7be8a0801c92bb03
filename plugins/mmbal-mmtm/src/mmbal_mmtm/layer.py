"""The multimodal transfer module: gates every branch by a summary of all of them."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks import Fusion


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


class MMTM(Fusion):
    """Multimodal transfer module (Joze et al., CVPR 2020) for any number of modalities.

    Each modality's features are averaged over space and time, the averages of all are
    squeezed together, and every modality gets its own sigmoid gate per channel from that.
    The running mean of every gate over all training batches is kept; an isolated branch is
    gated by that mean, so nothing reaches it from the other modalities (Wu et al., ICML 2022,
    section 5).

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
        """Create the squeeze and one excitation per modality."""
        channels = [int(shape[-1]) for shape in features_shape]
        units = int(2 * sum(channels) / self.ratio)
        if units < 1:
            raise ValueError(f"ratio {self.ratio} leaves no unit for {sum(channels)} channels")
        self.squeeze = _dense(units, sum(channels), "relu", "squeeze", self.dtype_policy)
        self.excitations = [
            _dense(width, units, "sigmoid", f"excitation_{index}", self.dtype_policy)
            for index, width in enumerate(channels)
        ]
        self.squeeze.build((None, sum(channels)))
        for excitation in self.excitations:
            excitation.build((None, units))

    def combine(self, heard: list[tf.Tensor]) -> tf.Tensor:
        """Squeeze the averages together."""
        return self.squeeze(super().combine(heard))

    def message(self, branch: int, combined: tf.Tensor) -> tf.Tensor:
        """Return the gate of a branch, (batch, channels)."""
        return self.excitations[branch](combined)

    def receive(self, feature: tf.Tensor, message: tf.Tensor) -> tf.Tensor:
        """Gate a branch's features."""
        return super().receive(feature, message * self.gate_scale)

    def fusion_variables(self, branch: int) -> list[keras.Variable]:
        """Return the trainable variables that feed a branch: squeeze and excitation."""
        return [
            *self.squeeze.trainable_variables,
            *self.excitations[branch].trainable_variables,
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
