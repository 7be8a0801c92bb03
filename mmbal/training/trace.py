"""What every step measured, kept on the device until somebody reads it."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Steps:
    """A stretch of consecutive training steps.

    Args:
        first: global index of the first one, from 0.
        loss: (step,) summed loss.
        isolated: (step,) -1 for a regular step, else the index of the isolated modality.
        speeds: (step, modality) conditional learning speeds in nats, NaN where undefined.
        imbalance: (step,) d_speed in nats.
        faults: (step,) 0 for a sound step, else a code that `Guard.describe` reads.
    """

    first: int
    loss: np.ndarray
    isolated: np.ndarray
    speeds: np.ndarray
    imbalance: np.ndarray
    faults: np.ndarray

    def before(self, step: int) -> "Steps":
        """Return the steps before a global step."""
        count = max(0, step - self.first)
        kept = {name: v[:count] for name, v in vars(self).items() if name != "first"}
        return Steps(first=self.first, **kept)


class StepTrace(tf.Module):
    """A ring of the last `capacity` steps: written in the graph, read once per many steps.

    Reading costs one transfer, so that watching every step does not make the host wait for
    every step.

    Args:
        modalities: how many.
        capacity: steps it holds.

    Attributes:
        unread: the first step that has not been read.
    """

    def __init__(self, modalities: int, capacity: int) -> None:
        super().__init__(name="trace")
        self.capacity = capacity
        self._rows = tf.Variable(
            tf.zeros([capacity, modalities + 4], tf.float64), trainable=False, name="rows"
        )
        self._steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self.unread = 0

    @property
    def steps(self) -> tf.Variable:
        """Number of steps written so far."""
        return self._steps

    def write(
        self,
        loss: tf.Tensor,
        isolated: tf.Tensor,
        speeds: tf.Tensor,
        imbalance: tf.Tensor,
        fault: tf.Tensor | int = 0,
    ) -> None:
        """Add one step; arguments as in `Steps`, without the step axis."""
        scalars = [tf.cast(value, tf.float64) for value in (loss, isolated, imbalance, fault)]
        row = tf.concat([tf.stack(scalars), speeds], axis=0)
        slot = tf.math.floormod(tf.convert_to_tensor(self._steps), self.capacity)
        # Not scattered in place: variables of several replicas cannot be, and the ring is small.
        rows = tf.convert_to_tensor(self._rows)
        self._rows.assign(tf.tensor_scatter_nd_update(rows, [[slot]], [row]))
        self._steps.assign_add(1)

    def read(self) -> Steps:
        """Return the steps since the last read; those beyond `capacity` are lost."""
        steps = self.since(self.unread)
        self.unread = steps.first + len(steps.loss)
        return steps

    def since(self, step: int) -> Steps:
        """Return the steps from a global step on; those beyond `capacity` are lost."""
        last = int(self._steps.numpy())
        first = min(max(step, last - self.capacity), last)
        rows = self._rows.numpy()[np.arange(first, last) % self.capacity]
        return Steps(
            first=first,
            loss=rows[:, 0],
            isolated=rows[:, 1].astype(int),
            imbalance=rows[:, 2],
            faults=rows[:, 3].astype(int),
            speeds=rows[:, 4:],
        )
