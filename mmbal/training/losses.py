"""What is applied to the logits of every branch: the loss, and whether they are right."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.replicas.sums import global_losses
from mmbal.strategies.contributions import class_indices
from mmbal.training.labels import CLOSE

MEANS = ("sum_over_batch_size", "mean")
"""Keras's names for the mean over examples."""
PENALTIES = "regularization"
"""Name of what a network's layers add to the losses."""


def branch_loss(loss: Any = None, replicas: int = 1) -> Callable[..., tf.Tensor]:
    """Return the loss of one branch: scalar from (labels, logits), heeding sample weights.

    Args:
        loss: a Keras loss, a function or a name; None for cross-entropy against class indices.
        replicas: that train together; each takes the mean over its own rows.

    Raises:
        ValueError: it takes probabilities, and branches end in logits; or it is no mean over
            examples, and there are several replicas.
    """
    found = _loss(loss)
    if replicas == 1:
        return found  # type: ignore[no-any-return]
    if found.reduction not in MEANS:
        raise ValueError(
            f"loss {found.name!r} must be a mean over examples on {replicas} replicas: "
            f"reduction is one of {list(MEANS)}, received {found.reduction!r}"
        )
    # Keras would divide the mean by the number of replicas, rounded to float32. And its copies
    # are made from what it saves, which a loss of the user's own need not be fit for.
    by_example = object.__new__(type(found))
    vars(by_example).update(vars(found), reduction=None)
    return lambda *args, **options: tf.reduce_mean(by_example(*args, **options))


def _loss(loss: Any) -> Any:
    if loss is None:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    loss = keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        takes = loss.get_config().get("from_logits")
    else:
        parameter = inspect.signature(loss).parameters.get("from_logits")
        takes = parameter.default if parameter else None
        loss = _FunctionLoss(loss)
    if takes is False:
        raise ValueError(
            f"loss {loss.name!r} takes probabilities, branches end in logits: pass a loss "
            "with from_logits=True, such as "
            "keras.losses.CategoricalCrossentropy(from_logits=True)"
        )
    return loss


class _FunctionLoss(keras.losses.Loss):
    """Mean over examples of a function of (labels, logits)."""

    def __init__(self, function: Any) -> None:
        name = getattr(function, "__name__", "")
        super().__init__(name=name if name.isidentifier() else None)  # no lambda's
        self._function = function

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Return one loss per example, (batch,)."""
        return self._function(y_true, y_pred)


def all_losses(
    losses: Mapping[str, tf.Tensor], penalties: Sequence[tf.Tensor], labels: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Return the losses of the global batch, with what the network's layers add to them.

    Args:
        losses: name to the mean over this replica's rows.
        penalties: `losses` of the network after its forward pass: weight regularizers, `add_loss`.
        labels: (batch, ...), this replica's.
    """
    found = dict(losses)
    if penalties:
        dtype = next(iter(losses.values())).dtype
        found[PENALTIES] = tf.add_n([tf.cast(value, dtype) for value in penalties])
    return global_losses(found, tf.shape(labels)[0])


class LogitAccuracy(keras.metrics.MeanMetricWrapper):
    """Share of examples whose largest logit is the label's, whatever form the labels have."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(hits, name=name)
        self._direction = "up"  # so that callbacks know which way is better


def hits(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return 1 where the largest logit is the label's and else 0, (batch,) float32.

    Args:
        labels: (batch,) or (batch, 1) class indices, or (batch, classes) shares; rows that do not
            sum to 1, as those of several labels, are neither right nor wrong: NaN.
        logits: (batch, classes).

    Raises:
        ValueError: there is one logit, which is no choice between classes.
    """
    if logits.shape[-1] == 1:
        raise ValueError("accuracy compares the largest of several logits, received one")
    right = tf.equal(class_indices(labels, logits.shape[-1]), tf.argmax(logits, axis=-1))
    right = tf.cast(right, tf.float32)
    if labels.shape.rank != logits.shape.rank or labels.shape[-1] == 1:
        return right
    total = tf.reduce_sum(tf.cast(labels, tf.float32), axis=-1)
    return tf.where(tf.abs(total - 1) < CLOSE, right, float("nan"))
