"""How a joint classifier turns features into logits: rules that are sums over modalities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import tensorflow as tf

NOTHING = 1e-12
"""Squared length up to which a vector counts as zero."""


class Rule(Protocol):
    """A way of computing logits.

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
class Linear:
    """An ordinary dense layer: z_m W_m + b / N."""

    biased: ClassVar[bool] = True

    def contributions(
        self, features: Mapping[str, tf.Tensor], kernels: Mapping[str, tf.Tensor], bias: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the parts; the bias is shared out evenly."""
        share = bias / len(features)
        return {m: tf.matmul(z, kernels[m]) + share for m, z in features.items()}


@dataclass(frozen=True)
class ModalityCosine:
    """Every modality on its own: scale cos(z_m, W_m[:, k]).

    Args:
        scale: factor on every cosine.
    """

    scale: float
    biased: ClassVar[bool] = False

    def contributions(
        self, features: Mapping[str, tf.Tensor], kernels: Mapping[str, tf.Tensor], bias: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the parts; that of a zero vector is 0."""
        return {
            m: self.scale * tf.matmul(unit(z, axis=1), unit(kernels[m], axis=0))
            for m, z in features.items()
        }


@dataclass(frozen=True)
class JointCosine:
    """All modalities together: scale cos(z, W[:, k]) of the joined features and kernels.

    Args:
        scale: factor on the cosine.
    """

    scale: float
    biased: ClassVar[bool] = False

    def contributions(
        self, features: Mapping[str, tf.Tensor], kernels: Mapping[str, tf.Tensor], bias: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Return the parts, each divided by the lengths of the joined vectors."""
        names = list(features)
        whole = unit(tf.concat([features[m] for m in names], axis=1), axis=1)
        kernel = unit(tf.concat([kernels[m] for m in names], axis=0), axis=0)
        sizes = [kernels[m].shape[0] for m in names]
        parts = zip(names, tf.split(whole, sizes, axis=1), tf.split(kernel, sizes), strict=True)
        return {m: self.scale * tf.matmul(z, weights) for m, z, weights in parts}


LINEAR = Linear()


def unit(vectors: tf.Tensor, axis: int) -> tf.Tensor:
    """Divide vectors along an axis by their length; a zero vector stays one, without gradient."""
    square = tf.reduce_sum(vectors**2, axis=axis, keepdims=True)
    some = square > NOTHING
    # Both branches of `where` are differentiated: neither may see the square root of 0.
    inverse = tf.math.rsqrt(tf.where(some, square, tf.ones_like(square)))
    return vectors * tf.where(some, inverse, tf.zeros_like(inverse))
