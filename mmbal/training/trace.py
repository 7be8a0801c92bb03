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
    """

    first: int
    loss: np.ndarray
    isolated: np.ndarray
    speeds: np.ndarray
    imbalance: np.ndarray


class StepTrace(tf.Module):
    """A ring of the last `capacity` steps: written in the graph, read once per many steps.

    Reading costs one transfer, so that watching every step does not make the host wait for
    every step.
    """

    def __init__(self, modalities: int, capacity: int) -> None:
        super().__init__(name="trace")
        self.capacity = capacity
        self._rows = tf.Variable(
            tf.zeros([capacity, modalities + 3], tf.float64), trainable=False, name="rows"
        )
        self._steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self._read = 0

    @property
    def steps(self) -> tf.Variable:
        """Number of steps written so far."""
        return self._steps

    def write(
        self, loss: tf.Tensor, isolated: tf.Tensor, speeds: tf.Tensor, imbalance: tf.Tensor
    ) -> None:
        """Add one step; arguments as in `Steps`, without the step axis."""
        scalars = [tf.cast(value, tf.float64) for value in (loss, isolated, imbalance)]
        row = tf.concat([tf.stack(scalars), speeds], axis=0)
        slot = tf.math.floormod(tf.convert_to_tensor(self._steps), self.capacity)
        self._rows.scatter_nd_update([[slot]], [row])
        self._steps.assign_add(1)

    def read(self) -> Steps:
        """Return the steps since the last read; those beyond `capacity` are lost."""
        last = int(self._steps.numpy())
        first = max(self._read, last - self.capacity)
        self._read = last
        rows = self._rows.numpy()[np.arange(first, last) % self.capacity]
        return Steps(
            first=first,
            loss=rows[:, 0],
            isolated=rows[:, 1].astype(int),
            imbalance=rows[:, 2],
            speeds=rows[:, 3:],
        )
