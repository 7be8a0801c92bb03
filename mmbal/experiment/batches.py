"""Unbatched examples of a dataset -> the batches that training and evaluation read."""

import math

import numpy as np
import tensorflow as tf

from mmbal.data import MultimodalDataset
from mmbal.training.model import KEEP
from mmbal.training.strategy import SamplerPlan

# A shuffle holds whole examples in memory; larger datasets are shuffled through a window.
SHUFFLE_BYTES = 512 * 2**20


def training_batches(
    data: MultimodalDataset, batch_size: int, seed: int, sampler: "Sampler | None" = None
) -> tf.data.Dataset:
    """Shuffle (anew each epoch, by `seed`), augment and batch the training examples."""
    examples = data.train if sampler is None else sampler.choose(data.train)
    examples = examples.shuffle(_window(data), seed=seed, reshuffle_each_iteration=True)
    augment = data.augment
    if augment is not None:
        # Random ops inside a map would repeat themselves in every epoch.
        seeds = tf.data.Dataset.random(seed, rerandomize_each_iteration=True).batch(2)
        examples = tf.data.Dataset.zip((examples, seeds)).map(
            lambda example, drawn: augment(example[0], example[1], drawn),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def plain_batches(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batch examples in their order."""
    return examples.batch(batch_size).prefetch(tf.data.AUTOTUNE)


class Sampler:
    """Shows the training examples that a strategy's plan asks for, as often as it asks.

    Until the first plan, every example is shown once with all modalities.

    Args:
        examples: number of training examples.
        modalities: number of modalities.
    """

    def __init__(self, examples: int, modalities: int) -> None:
        self._examples = examples
        self._modalities = modalities
        rows = tf.zeros([examples, modalities])
        # Rows of one example stand together: those of example i from offset i to i + 1.
        self._offsets = tf.Variable(tf.range(examples + 1, dtype=tf.int64), trainable=False)
        self._keep = tf.Variable(rows + 1, trainable=False, shape=[None, modalities])

    def assign(self, plan: SamplerPlan) -> None:
        """Follow `plan` from the next epoch on.

        Raises:
            ValueError: an id is no position in the training set, or `keep` has another shape.
        """
        ids = np.asarray(plan.ids, dtype=np.int64)
        if ids.size == 0 or ids.min() < 0 or ids.max() >= self._examples:
            raise ValueError(f"sampler ids must be in 0..{self._examples - 1} and not empty")
        keep = np.ones((len(ids), self._modalities)) if plan.keep is None else plan.keep
        if np.shape(keep) != (len(ids), self._modalities):
            raise ValueError(
                f"sampler keep must be {(len(ids), self._modalities)}, received {np.shape(keep)}"
            )
        order = np.argsort(ids, kind="stable")
        counts = np.bincount(ids, minlength=self._examples)
        self._offsets.assign(np.concatenate([[0], np.cumsum(counts)]))
        self._keep.assign(np.asarray(keep, np.float32)[order])

    def choose(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Return the examples of the plan in force when an epoch starts, with keep masks."""

        def rows(index: tf.Tensor, example: tuple[dict[str, tf.Tensor], tf.Tensor]) -> tf.Tensor:
            inputs, label = example
            first, last = self._offsets[index], self._offsets[index + 1]
            keeps = tf.data.Dataset.from_tensor_slices(self._keep[first:last])
            return keeps.map(lambda keep: ({**inputs, KEEP: keep}, label))

        return examples.enumerate().flat_map(rows)


def _window(data: MultimodalDataset) -> int:
    """Return how many examples the shuffle may hold."""
    size = sum(
        math.prod(modality.shape) * tf.as_dtype(modality.dtype).size
        for modality in data.modalities.values()
    )
    examples = int(data.train.cardinality())
    window: int = max(1, min(examples, max(1024, SHUFFLE_BYTES // max(size, 1))))
    return window
