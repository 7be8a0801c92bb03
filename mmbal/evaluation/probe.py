"""One pass over data with a trained network, in two compiled functions."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.networks.controls import NORMAL, blocked
from mmbal.networks.network import FusionNetwork, at_least_float32

SqueezeMeans = dict[str, tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class BranchScores:
    """What one pass over a split measured.

    Args:
        fused: accuracy of the fused logits, 0 to 1.
        unimodal: modality to the accuracy of its branch, 0 to 1.
        conditional: modality to the accuracy of `Outputs.predictions`, 0 to 1.
        loss: mean over examples of the joint loss, nats: cross-entropies summed over branches,
            or that of a joint classifier.
    """

    fused: float
    unimodal: dict[str, float]
    conditional: dict[str, float]
    loss: float


class Probe:
    """Measures a network with its present weights, normal gates, nothing training.

    Compiled once, so that several splits and several weights cost one tracing.
    """

    def __init__(self, network: FusionNetwork) -> None:
        self.network = network
        self._counts = tf.function(self._count_batch, reduce_retracing=True)
        self._sums = tf.function(self._sum_batch, reduce_retracing=True)

    def scores(self, data: tf.data.Dataset, means: SqueezeMeans | None = None) -> BranchScores:
        """Score batches of `({modality: tensor}, label)`.

        Args:
            data: the batches.
            means: squeeze means that every branch hears in place of the other modalities;
                None for normal gates.

        Raises:
            ValueError: there are no examples.
        """
        constants = None if means is None else tf.nest.map_structure(tf.constant, means)
        measured = [self._counts(inputs, labels, constants).numpy() for inputs, labels in data]
        if not measured:
            raise ValueError("there are no examples to score")
        counts = sum(measured)
        _, loss, fused, *right = (counts / counts[0]).tolist()
        names = self.network.modalities
        unimodal, conditional = (
            dict(zip(names, part, strict=True))
            for part in (right[: len(names)], right[len(names) :])
        )
        return BranchScores(fused, unimodal, conditional, loss)

    def squeeze_means(self, data: tf.data.Dataset) -> SqueezeMeans:
        """Return the mean squeezed features over all examples: one (channels,) per modality."""
        total: Any = None
        examples = 0
        for inputs, labels in data:
            batch = self._sums(inputs)
            total = batch if total is None else tf.nest.map_structure(tf.add, total, batch)
            examples += int(labels.shape[0])
        dtype = self.network.variable_dtype
        return {
            module: tuple((z / examples).numpy().astype(dtype) for z in sums)
            for module, sums in (total or {}).items()
        }

    def _count_batch(
        self, inputs: dict[str, tf.Tensor], labels: tf.Tensor, means: Any
    ) -> tf.Tensor:
        """Return examples, loss, right fused, per branch, per prediction: (3 + 2 modality,)."""
        names = self.network.modalities
        controls = NORMAL if means is None else blocked(len(names), means)
        outputs = self.network(inputs, controls, training=False)
        unimodal = [outputs.unimodal[m] for m in names]
        conditional = [outputs.predictions[m] for m in names]
        labels = tf.cast(labels, tf.int64)
        right = [
            tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == labels, tf.float64))
            for logits in (outputs.logits, *unimodal, *conditional)
        ]
        losses = [
            keras.losses.sparse_categorical_crossentropy(
                labels, at_least_float32(logits), from_logits=True
            )
            for logits in outputs.supervised.values()
        ]
        loss = tf.reduce_sum(tf.cast(tf.add_n(losses), tf.float64))
        return tf.stack([tf.cast(tf.size(labels), tf.float64), loss, *right])

    def _sum_batch(self, inputs: dict[str, tf.Tensor]) -> Any:
        squeezed = self.network(inputs, training=False).squeezed
        return tf.nest.map_structure(
            lambda z: tf.reduce_sum(tf.cast(z, tf.float64), axis=0), squeezed
        )
