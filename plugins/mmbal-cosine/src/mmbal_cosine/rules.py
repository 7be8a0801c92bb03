"""Rules by which a joint classifier computes cosines, sums of one part per modality."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

NOTHING = 1e-12
"""Squared length up to which a vector counts as zero."""


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


def unit(vectors: tf.Tensor, axis: int) -> tf.Tensor:
    """Divide vectors along an axis by their length; a zero vector stays one, without gradient."""
    square = tf.reduce_sum(vectors**2, axis=axis, keepdims=True)
    some = square > NOTHING
    # Both branches of `where` are differentiated: neither may see the square root of 0.
    inverse = tf.math.rsqrt(tf.where(some, square, tf.ones_like(square)))
    return vectors * tf.where(some, inverse, tf.zeros_like(inverse))
