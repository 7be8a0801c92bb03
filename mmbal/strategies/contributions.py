"""What strategies measure and scale by: scores of modalities, Shapley values, scaled gradients."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from mmbal.networks.network import at_least_float32, average
from mmbal.replicas.sums import global_sum

FLOOR = 1e-8
"""Added to denominators, so that a modality without any score divides by something."""


def pooled(feature: tf.Tensor) -> tf.Tensor:
    """Average (batch, ..., channels) to (batch, channels), float32 or wider."""
    return average(at_least_float32(feature))


def class_indices(labels: tf.Tensor, classes: int) -> tf.Tensor:
    """Return the class of each example, (batch,) int64, for `Requirements.single_label`.

    Args:
        labels: (batch,) or (batch, 1) class indices, or one-hot rows, (batch, classes).
        classes: how many there are.
    """
    shape = tf.TensorShape(labels.shape)
    if shape.rank == 2 and shape[1] == classes > 1:
        return tf.argmax(labels, axis=1)
    return tf.reshape(tf.cast(labels, tf.int64), [-1])


def true_class_probabilities(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the probability of each example's own class, (batch,), without gradient.

    Args:
        logits: (batch, classes).
        labels: as of `class_indices`.
    """
    probabilities = tf.nn.softmax(at_least_float32(tf.stop_gradient(logits)))
    return tf.gather(probabilities, class_indices(labels, logits.shape[-1]), batch_dims=1)


def true_class_scores(
    unimodal: Mapping[str, tf.Tensor], labels: tf.Tensor, weight: tf.Tensor | None = None
) -> tf.Tensor:
    """Return how sure every modality is of the right class, summed over the global batch.

    Source: Peng et al., CVPR 2022 (arXiv 2203.15332), section 3.2; examples count by their weight.

    Args:
        unimodal: modality to (batch, classes) logits.
        labels: as of `class_indices`.
        weight: (batch,) of the examples, or None.

    Returns:
        (modality,), in the order of `unimodal`, without gradient.
    """
    sure = [true_class_probabilities(logits, labels) for logits in unimodal.values()]
    return tf.stack(global_sum([tf.reduce_sum(weighted(each, weight)) for each in sure]))


def weighted(values: tf.Tensor, weight: tf.Tensor | None) -> tf.Tensor:
    """Return what each example has, (batch,), times the weight that it has in the loss."""
    return values if weight is None else values * tf.cast(tf.reshape(weight, [-1]), values.dtype)


def ratios_to_others(scores: tf.Tensor) -> tf.Tensor:
    """Return every score over the mean of the others, (modality,); 1 for a single modality.

    For two modalities this is the ratio of Peng et al.; for more it is our extension.
    """
    count = scores.shape[0]
    if count == 1:
        return tf.ones_like(scores)
    others = (tf.reduce_sum(scores) - scores) / (count - 1)
    return scores / (others + FLOOR)


def scale_gradient(tensor: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Return `tensor` with its gradient multiplied by `factor`, a constant."""
    held, factor = tf.stop_gradient(tensor), tf.stop_gradient(factor)
    return held + tf.cast(factor, tensor.dtype) * (tensor - held)


def coalitions(players: int) -> list[tuple[int, ...]]:
    """Return all sets of players but the empty one, the smallest first."""
    everyone = range(players)
    return [s for size in range(1, players + 1) for s in itertools.combinations(everyone, size)]


def shapley_values(worth: Mapping[tuple[int, ...], Any], players: int) -> list[Any]:
    """Return every player's average contribution over all orders of joining.

    Args:
        worth: ascending tuple of players to what they achieve together, numbers or tensors, for
            all of `coalitions(players)`; nobody achieves 0.
        players: how many.

    Returns:
        One value per player; they sum to the worth of all.
    """
    return [_contribution(worth, players, player) for player in range(players)]


def _contribution(worth: Mapping[tuple[int, ...], Any], players: int, player: int) -> Any:
    others: Sequence[int] = [other for other in range(players) if other != player]
    total: Any = 0
    for size in range(players):
        share = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
        for before in itertools.combinations(others, size):
            gained = worth[tuple(sorted((*before, player)))]
            total = total + share * (gained - worth[before] if before else gained)
    return total
