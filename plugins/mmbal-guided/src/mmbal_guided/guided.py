"""Guided balancing: isolate the branch that learns too much from the others."""

import tensorflow as tf

from mmbal.strategies import Context, Signals
from mmbal_guided.balanced import REGULAR, Balanced
from mmbal_guided.options import GuidedOptions


class Guided(Balanced):
    """After a regular step with max s - min s > tolerance, isolate argmax s for `window` steps.

    At least one regular step follows each window. Windows cross the borders of epochs.
    Undefined speeds keep training regular.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), algorithm 1, for any number of modalities.
    """

    options: GuidedOptions

    def build(self, context: Context) -> None:
        """Create the counter of the current window."""
        super().build(context)
        self.remaining = tf.Variable(0, dtype=tf.int32, trainable=False, name="remaining")

    def after_step(self, signals: Signals) -> None:
        """Count the window down, or open one."""
        self.steps.assign_add(1)
        spread = tf.reduce_max(signals.speeds) - tf.reduce_min(signals.speeds)
        defined = tf.reduce_all(tf.math.is_finite(signals.speeds))
        opens = signals.regular & self.warm() & defined & (spread > self.options.tolerance)
        left = tf.convert_to_tensor(self.remaining) - 1
        opened = tf.where(opens, self.options.window, 0)
        remaining = tf.where(signals.regular, opened, tf.maximum(left, 0))
        fastest = tf.argmax(signals.speeds, output_type=tf.int32)
        held = tf.convert_to_tensor(self.target)
        target = tf.where(opens, fastest, tf.where(remaining > 0, held, REGULAR))
        self.remaining.assign(remaining)
        self.target.assign(target)
