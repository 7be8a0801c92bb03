"""The epochs in which a method acts; outside of them training is plain."""

import tensorflow as tf

from mmbal.options import WindowOptions
from mmbal.strategies.context import Context
from mmbal.strategies.strategy import Strategy


class Windowed(Strategy):
    """Acts from the epoch `starts` to the epoch `ends`."""

    options: WindowOptions

    def build(self, context: Context) -> None:
        """Create the count of epochs."""
        self.epoch = tf.Variable(0, dtype=tf.int32, trainable=False, name="epoch")

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Tell the graph which epoch it is."""
        self.epoch.assign(epoch)

    def acts(self) -> tf.Tensor:
        """Return whether the present epoch is one of them, () bool."""
        epoch = tf.convert_to_tensor(self.epoch)
        begun, ends = epoch >= self.options.starts, self.options.ends
        return begun if ends is None else tf.logical_and(begun, epoch <= ends)
