"""How a joint classifier turns features into logits: sums of one part per modality."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import tensorflow as tf


class Rule(Protocol):
    """A way of computing logits, for networks that offer "rule" (`FusionNetwork.set_rule`).

    Weights that are saved tell `str(rule)`, and are loaded under an equal one alone.

    Attributes:
        biased: whether it uses the bias; without, the bias is not trained.
    """

    biased: ClassVar[bool]

    def contributions(
        self, features: Mapping[str, tf.Tensor], kernels: Mapping[str, tf.Tensor], bias: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the part of each modality, (batch, classes) each; they sum to the logits.

        Args:
            features: modality to (batch, channels); zeros where it is left out.
            kernels: modality to its rows of the joint kernel, (channels, classes).
            bias: (classes,).
        """


@dataclass(frozen=True)
class LinearRule:
    """An ordinary dense layer: z_m W_m + b / N."""

    biased: ClassVar[bool] = True

    def contributions(
        self, features: Mapping[str, tf.Tensor], kernels: Mapping[str, tf.Tensor], bias: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the parts; the bias is shared out evenly."""
        share = bias / len(features)
        return {m: tf.matmul(z, kernels[m]) + share for m, z in features.items()}
