"""Groups of examples that suspicion falls on, and how they predict the label."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.strategies import pooled

BATCH = 1024
MOST_VALUES = 1000
"""Different inputs of a modality that is taken for an id; real inputs have as many as examples."""


class Clusters(NamedTuple):
    """Groups of similar examples.

    Attributes:
        centroids: (group, channels) float32.
        members: (examples,) int, the group of every example.
    """

    centroids: np.ndarray
    members: np.ndarray


def summarise(inputs: tf.Tensor) -> tf.Tensor:
    """Average raw inputs over space and time: (batch, ..., channels) to (batch, channels)."""
    return pooled(tf.cast(inputs, tf.float32))


def read_summaries(
    examples: Examples, modalities: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Read all examples once.

    Returns:
        Modality to (examples, channels) averages, and the (examples,) labels.
    """
    averages: dict[str, list[np.ndarray]] = {m: [] for m in modalities}
    labels = []
    for inputs, classes in examples.dataset().batch(BATCH):
        labels.append(classes.numpy())
        for m in modalities:
            averages[m].append(summarise(inputs[m]).numpy())
    return {m: np.concatenate(parts) for m, parts in averages.items()}, np.concatenate(labels)


def cluster(averages: np.ndarray, count: int, seed: int) -> Clusters:
    """Find groups by k-means.

    Args:
        averages: (examples, channels).
        count: how many groups; fewer where there are fewer different examples.
        seed: of the first guess.
    """
    from sklearn.cluster import KMeans

    different = len(np.unique(averages, axis=0))
    found = KMeans(min(count, different), n_init=10, random_state=seed).fit(averages)
    return Clusters(found.cluster_centers_.astype(np.float32), found.labels_)


def same_values(averages: np.ndarray) -> Clusters:
    """Take equal inputs for a group.

    Args:
        averages: (examples, channels).

    Raises:
        ValueError: there are too many different ones.
    """
    different, members = np.unique(averages, axis=0, return_inverse=True)
    if len(different) > MOST_VALUES:
        raise ValueError(
            f"{len(different):,} different inputs, an id may have {MOST_VALUES:,}: take clusters"
        )
    return Clusters(different.astype(np.float32), members.ravel())


def nearest(averages: tf.Tensor, centroids: tf.Tensor) -> tf.Tensor:
    """Return the group of every example, (batch,) int64.

    Args:
        averages: (batch, channels).
        centroids: (group, channels).
    """
    distances = tf.reduce_sum((averages[:, tf.newaxis] - centroids) ** 2, axis=-1)
    return tf.argmin(distances, axis=1)


def count_labels(members: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return how many examples of each class every group has, (group, class) int."""
    counts = np.zeros((members.max() + 1, classes), np.int64)
    np.add.at(counts, (members, labels), 1)
    return counts


def margin_table(counts: np.ndarray, min_count: int, max_entropy: float) -> np.ndarray:
    """Return how often each class occurs in each group, where that tells classes apart.

    Source: Guo et al., ACM TOMM 2023 (arXiv 2202.12690), section 4. The authors bound the
    entropy by 4.5 bits, which fewer than 23 classes never reach; ours is a share.

    Args:
        counts: (group, class) examples.
        min_count: smaller counts are taken for none.
        max_entropy: 0 to 1; a row whose entropy over that of equal classes reaches it is zeros.

    Returns:
        (group, class) float32; a row sums to 1 or is zeros.
    """
    kept = np.where(counts < min_count, 0, counts)
    shares = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
    even = np.log2(max(counts.shape[1], 2))
    biased = entropy(shares) / even < max_entropy
    return np.where(biased[:, np.newaxis], shares, 0).astype(np.float32)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the entropy of each row in bits: (group, class) to (group,)."""
    logarithms = np.log2(np.where(shares > 0, shares, 1))
    bits: np.ndarray = -(shares * logarithms).sum(axis=1)
    return bits
