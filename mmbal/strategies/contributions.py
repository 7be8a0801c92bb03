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


def true_class_probabilities(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the probability of each example's own class, (batch,), without gradient.

    Args:
        logits: (batch, classes).
        labels: (batch,) or (batch, 1) class indices.
    """
    probabilities = tf.nn.softmax(at_least_float32(tf.stop_gradient(logits)))
    classes = tf.reshape(tf.cast(labels, tf.int32), [-1])
    return tf.gather(probabilities, classes, batch_dims=1)


def true_class_scores(unimodal: Mapping[str, tf.Tensor], labels: tf.Tensor) -> tf.Tensor:
    """Return how sure every modality is of the right class, summed over the global batch.

    Source: Peng et al., CVPR 2022 (arXiv 2203.15332), section 3.2.

    Args:
        unimodal: modality to (batch, classes) logits.
        labels: (batch,) class indices.

    Returns:
        (modality,), in the order of `unimodal`, without gradient.
    """
    sums = [tf.reduce_sum(true_class_probabilities(logits, labels)) for logits in unimodal.values()]
    return tf.stack(global_sum(sums))


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
