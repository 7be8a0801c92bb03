"""Prototypical modal rebalance: lead lagging modalities to prototypes of the classes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mmbal.networks import at_least_float32, scope_name
from mmbal.strategies import (
    FLOOR,
    Batch,
    Context,
    Requirements,
    Step,
    Windowed,
    class_indices,
    pooled,
    true_class_scores,
    weighted,
)
from mmbal_objectives.options import PMROptions

SMALLEST = 1e-12
"""Of a squared distance: its root has a gradient everywhere."""
FAR = -1e9
"""Similarity to a class that no example was seen of."""


class PMR(Windowed):
    """Draws the features of modalities that lag towards class prototypes, beside the joint loss.

    Before each epoch the plain network reads a random share of the training examples, another
    one each time; the means of the features by class move the prototypes. A class without an
    example keeps its prototype, and an example of a class that never had one is not drawn. In a
    step, the similarity to a prototype is the negative distance, and s_m is the similarity's
    softmax at the true class, summed over the global batch. Beside the joint loss stand

    - prototypes: weight * sum_m beta_m * cross-entropy of m's similarities, with
      beta_m = clip(max_j s_j / s_m - 1, 0, 1);
    - entropy, in the first epochs: -entropy * sum_m gamma_m * entropy of m's softmax, with
      gamma_m = clip(s_m / min_j s_j - 1, 0, 1).

    Both coefficients are constants. For two modalities this is the paper; more are a known
    extension that reduces to it. The released code gives every modality that lags the full weight,
    has no entropy, and takes the means before the second epoch for its prototypes (`mode`). Of
    features with inner axes, the average counts. The terms reach the encoder of their modality, and
    others only where the network joins them before.

    Source: Fan et al., CVPR 2023 (arXiv 2211.07089), section 3.
    """

    options: PMROptions

    def requirements(self) -> Requirements:
        """Require the training examples, and a class of each."""
        forward = self.options.share / 3  # a third of a pass of training, over that share
        return Requirements(examples=True, single_label=True, extra_passes=forward)

    def build(self, context: Context) -> None:
        """Create the prototypes, of which none is known yet."""
        super().build(context)
        classes = context.classes
        dtype = at_least_float32(tf.zeros([], context.network.variable_dtype)).dtype
        self.prototypes = {
            m: tf.Variable(
                tf.zeros([classes, width], dtype), trainable=False, name=f"of_{scope_name(m)}"
            )
            for m, width in context.channels.items()
        }
        self.seen = tf.Variable(tf.zeros([classes], tf.bool), trainable=False, name="seen")
        self._read = tf.function(self._features, reduce_retracing=True)

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Move the prototypes."""
        super().begin_epoch(epoch, context)
        if self.acts():
            # The authors' program takes the second means as it takes the first.
            replaces = self.options.mode == "released" and epoch <= 1
            momentum = 0.0 if replaces else self.options.momentum
            self._move(*self._class_means(epoch, context), momentum)

    def _class_means(self, epoch: int, context: Context) -> tuple[dict[str, Any], np.ndarray]:
        """Return modality to (classes, channels) means over a share, and the (classes,) counts."""
        examples = context.examples
        drawn = np.random.default_rng([context.seed, epoch]).permutation(len(examples))
        chosen = np.sort(drawn[: int(np.ceil(self.options.share * len(examples)))])
        sums = {m: np.zeros(old.shape) for m, old in self.prototypes.items()}
        counts = np.zeros(self.seen.shape[0], np.int64)
        for inputs, labels in examples.dataset(chosen).batch(context.batch_size):
            np.add.at(counts, labels.numpy(), 1)
            for m, features in self._read(inputs).items():
                np.add.at(sums[m], labels.numpy(), features.numpy())
        present = np.maximum(counts, 1)[:, np.newaxis]
        return {m: total / present for m, total in sums.items()}, counts

    def _move(self, means: dict[str, Any], counts: np.ndarray, momentum: float) -> None:
        """Move the prototypes of the classes that were found."""
        seen, found = self.seen.numpy(), counts > 0
        kept = np.where(found, np.where(seen, momentum, 0.0), 1.0)[:, np.newaxis]
        for m, prototypes in self.prototypes.items():
            moved = kept * prototypes.numpy() + (1 - kept) * means[m]
            prototypes.assign(moved.astype(prototypes.dtype.as_numpy_dtype))
        self.seen.assign(seen | found)

    def counts_entropy(self) -> tf.Tensor:
        """Return whether the present epoch is one of the first, and acts, () bool."""
        first = tf.convert_to_tensor(self.epoch) < self.options.entropy_epochs
        return tf.logical_and(self.acts(), first)

    def _features(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        features = self.context.network(inputs, training=False).features
        return {m: pooled(feature) for m, feature in features.items()}

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the joint loss, that against the prototypes, and the entropy."""
        seen, names = tf.convert_to_tensor(self.seen), list(self.prototypes)
        similar = [
            similarities(pooled(step.outputs.features[m]), self.prototypes[m], seen) for m in names
        ]
        batch, by_name = step.batch, dict(zip(names, similar, strict=True))
        scores = true_class_scores(by_name, batch.labels, batch.weight)
        (lag, lead), mu = lags_and_leads(scores), self.options.entropy
        if self.options.mode == "released":
            lag, mu = tf.cast(lag > 0, lag.dtype), 0.0
        known = tf.gather(seen, class_indices(batch.labels, seen.shape[0]))
        known_only = step._replace(batch=batch._replace(weight=_weight(batch, known)))
        fits = [known_only.loss_of(x) for x in similar]
        terms = {
            "prototypes": self.options.weight * _weighted(lag, fits),
            "entropy": -mu * _weighted(lead, [entropy(x, batch.weight) for x in similar]),
        }
        windows = {"prototypes": self.acts(), "entropy": self.counts_entropy()}
        dtype = next(iter(joint.values())).dtype
        added = {
            name: tf.cast(tf.where(windows[name], term, tf.zeros_like(term)), dtype)
            for name, term in terms.items()
        }
        return joint | added


def similarities(features: tf.Tensor, prototypes: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
    """Return the negative distances of features from prototypes, (batch, classes).

    Args:
        features: (batch, channels).
        prototypes: (classes, channels).
        seen: (classes,) bool, False for a class without a prototype, which is far from all.
    """
    apart = features[:, tf.newaxis] - tf.cast(prototypes, features.dtype)[tf.newaxis]
    distances = tf.sqrt(tf.maximum(tf.reduce_sum(apart**2, axis=-1), SMALLEST))
    return tf.where(seen, -distances, tf.constant(FAR, distances.dtype))


def lags_and_leads(scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return how far each modality is behind the best and ahead of the weakest, 0 to 1.

    Args:
        scores: (modality,).

    Returns:
        beta and gamma, (modality,) each.
    """
    best, weakest = tf.reduce_max(scores), tf.reduce_min(scores)
    lag, lead = best / (scores + FLOOR) - 1, scores / (weakest + FLOOR) - 1
    return tf.clip_by_value(lag, 0, 1), tf.clip_by_value(lead, 0, 1)


def entropy(logits: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
    """Return the mean entropy of the softmax of (batch, classes) logits, nats."""
    logs = tf.nn.log_softmax(logits)
    return -tf.reduce_mean(weighted(tf.reduce_sum(tf.exp(logs) * logs, axis=-1), weight))


def _weight(batch: Batch, known: tf.Tensor) -> tf.Tensor:
    """Return the sample weights, 0 for examples of a class without a prototype."""
    given = tf.ones_like(known, tf.float32) if batch.weight is None else batch.weight
    return tf.where(known, given, tf.zeros_like(given))


def _weighted(coefficients: tf.Tensor, values: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(coefficients, values[0].dtype) * tf.stack(values))
