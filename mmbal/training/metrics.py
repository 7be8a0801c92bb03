"""The metrics that every model has: the joint loss and one accuracy per branch."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.training.losses import LogitAccuracy


class OwnMetrics:
    """Follows the joint loss and the accuracy of every branch.

    Args:
        names: of the accuracies, in the order of the branches.
        given: the metrics of `compile`; Keras makes those that it got by name later.

    Attributes:
        loss: mean over examples.
        accuracy: one metric per branch, unweighted, as Keras takes the `metrics` of `compile`.
        existing: these and the given ones, in the order of the logs.
        compares: whether the labels allow accuracies.
    """

    def __init__(self, names: Sequence[str], given: Sequence[Any]) -> None:
        self.loss = keras.metrics.Mean(name="loss")
        self.accuracy = [LogitAccuracy(name) for name in names]
        made = [metric for metric in given if isinstance(metric, keras.metrics.Metric)]
        self.existing = [self.loss, *made, *self.accuracy]
        self.compares = True

    def update(
        self,
        loss: tf.Tensor,
        labels: tf.Tensor,
        unimodal: Sequence[tf.Tensor],
        counts: tf.Tensor | bool,
    ) -> None:
        """Show them one batch.

        Args:
            loss: ().
            labels: (batch,), (batch, 1) or (batch, classes).
            unimodal: one (batch, classes) tensor of logits per branch.
            counts: () bool, whether the loss does; a step that is skipped may have none.
        """
        examples = tf.where(counts, tf.shape(unimodal[0])[0], 0)
        self.loss.update_state(tf.where(counts, loss, tf.zeros_like(loss)), sample_weight=examples)
        self.compares &= unimodal[0].shape[-1] > 1
        for metric, logits in zip(self.accuracy, unimodal, strict=True):
            if self.compares:
                metric.update_state(labels, logits)
