"""The rows of an epoch when a strategy chooses its examples."""

import numpy as np
import tensorflow as tf

from mmbal.errors import ContractError
from mmbal.strategies.context import SamplerPlan

Rows = dict[str, tf.Tensor]
"""What is known of the examples of an epoch before they are read: name to (rows, ...)."""


class Sampler:
    """Shows the training examples that a strategy's plan asks for, as often as it asks.

    Until the first plan, every example is shown once with all modalities.
    """

    def __init__(self, examples: int, modalities: int) -> None:
        self._examples = examples
        self._modalities = modalities
        ids, keep = tf.range(examples, dtype=tf.int64), tf.ones([examples, modalities])
        with tf.device("CPU"):  # where input pipelines read them
            self._ids = tf.Variable(ids, trainable=False, shape=[None])
            self._keep = tf.Variable(keep, trainable=False, shape=[None, modalities])

    def assign(self, plan: SamplerPlan) -> None:
        """Follow `plan` from the next epoch on.

        Raises:
            ContractError: an id is no position in the training set, or `keep` has another shape.
        """
        ids = np.asarray(plan.ids, dtype=np.int64)
        if ids.size == 0 or ids.min() < 0 or ids.max() >= self._examples:
            raise ContractError(f"sampler ids must be in 0..{self._examples - 1} and not empty")
        keep = np.ones((len(ids), self._modalities)) if plan.keep is None else plan.keep
        if np.shape(keep) != (len(ids), self._modalities):
            raise ContractError(
                f"sampler keep must be {(len(ids), self._modalities)}, received {np.shape(keep)}"
            )
        self._ids.assign(ids)
        self._keep.assign(np.asarray(keep, np.float32))

    @property
    def plan(self) -> SamplerPlan:
        """The plan in force."""
        return SamplerPlan(self._ids.numpy(), self._keep.numpy())

    def __len__(self) -> int:
        """Return the number of rows of an epoch under the plan in force."""
        return int(tf.size(self._ids))

    def rows(self) -> Rows:
        """Return the plan as input pipelines read it: "id", (rows,), and "keep"."""
        return {"id": self._ids.read_value(), "keep": self._keep.read_value()}
