"""The epochs in which a method acts; outside of them training is plain."""

import tensorflow as tf

from mmbal.strategies.strategy import Context, Strategy


class Windowed(Strategy):
    """Acts from one epoch to another.

    Args:
        starts: first epoch, from 0.
        ends: last epoch; None for no end.
    """

    def __init__(self, starts: int = 0, ends: int | None = None) -> None:
        super().__init__()
        if starts < 0 or (ends is not None and ends < starts):
            raise ValueError(
                f"starts must be 0 or more and ends not before it, received {starts} and {ends}"
            )
        self.starts = starts
        self.ends = ends

    def build(self, context: Context) -> None:
        """Create the count of epochs."""
        self._context = context
        self.epoch = tf.Variable(0, dtype=tf.int32, trainable=False, name="epoch")

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Tell the graph which epoch it is."""
        self.epoch.assign(epoch)

    def acts(self) -> tf.Tensor:
        """Return whether the present epoch is one of them, () bool."""
        epoch = tf.convert_to_tensor(self.epoch)
        begun = epoch >= self.starts
        return begun if self.ends is None else tf.logical_and(begun, epoch <= self.ends)
