"""The evaluation contract: what an evaluation sees and what it yields."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mmbal.backend  # noqa: F401
import keras
import numpy as np
import tensorflow as tf

from mmbal.training.network import FusionNetwork, at_least_float32


@dataclass(frozen=True)
class BranchAccuracies:
    """Counts over one pass.

    Args:
        fused: accuracy of the fused logits.
        unimodal: modality to the accuracy of its branch.
        loss: mean over examples of the cross-entropies summed over branches.
    """

    fused: float
    unimodal: dict[str, float]
    loss: float


@dataclass
class EvaluationContext:
    """A trained network and the data to score it on. Gates are normal, nothing trains.

    Args:
        network: the trained network.
        data: batches of `({modality: tensor}, label)` of the scored split.
        plain_train: batches of the training set without augmentation, for squeeze means.
    """

    network: FusionNetwork
    data: tf.data.Dataset
    plain_train: tf.data.Dataset

    @cached_property
    def squeeze_means(self) -> dict[str, tuple[np.ndarray, ...]]:
        """Mean squeezed features over the training set: module to (channels,) per modality."""

        @tf.function(reduce_retracing=True)
        def sums(inputs: dict[str, tf.Tensor]) -> Any:
            squeezed = self.network(inputs, training=False).squeezed
            return tf.nest.map_structure(
                lambda z: tf.reduce_sum(tf.cast(z, tf.float64), axis=0), squeezed
            )

        total, examples = None, 0
        for inputs, labels in self.plain_train:
            batch = sums(inputs)
            total = batch if total is None else tf.nest.map_structure(tf.add, total, batch)
            examples += int(labels.shape[0])
        dtype = self.network.variable_dtype
        return {
            name: tuple((z / examples).numpy().astype(dtype) for z in sums_of_module)
            for name, sums_of_module in (total or {}).items()
        }

    @cached_property
    def full(self) -> BranchAccuracies:
        """Accuracies with normal gates."""
        return self._measure(None)

    @cached_property
    def blocked(self) -> BranchAccuracies:
        """Accuracies with every other modality replaced by its training mean."""
        return self._measure(self.squeeze_means)

    def _measure(self, blocked: Any) -> BranchAccuracies:
        network = self.network
        extra = {} if blocked is None else {"blocked": blocked}

        @tf.function(reduce_retracing=True)
        def count(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tf.Tensor:
            outputs = network(inputs, training=False, **extra)
            unimodal = [outputs.unimodal[m] for m in network.modalities]
            right = [
                tf.reduce_sum(tf.cast(tf.argmax(z, -1) == tf.cast(labels, tf.int64), tf.float64))
                for z in (outputs.logits, *unimodal)
            ]
            losses = [
                keras.losses.sparse_categorical_crossentropy(
                    labels, at_least_float32(z), from_logits=True
                )
                for z in unimodal
            ]
            loss = tf.reduce_sum(tf.cast(tf.add_n(losses), tf.float64))
            return tf.stack([tf.cast(tf.size(labels), tf.float64), loss, *right])

        counts = np.sum([count(inputs, labels).numpy() for inputs, labels in self.data], axis=0)
        examples, loss, fused, *unimodal = (counts / counts[0]).tolist()
        return BranchAccuracies(fused, dict(zip(network.modalities, unimodal, strict=True)), loss)


class Evaluation(ABC):
    """Yields named scores of a trained network; knows nothing of files."""

    @abstractmethod
    def __call__(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        """Yield (name, value); `name/MODALITY` where the value belongs to one modality."""
