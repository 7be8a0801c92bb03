"""Random balancing: isolate a branch drawn anew at every step."""

import tensorflow as tf

from mmbal.strategies import Context, Signals
from mmbal_guided.balanced import REGULAR, Balanced


class Random(Balanced):
    """After the warm-up, draw each step uniformly from regular and one isolation per modality.

    The draw depends on the run's seed and on the step alone.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), section 5.
    """

    def build(self, context: Context) -> None:
        """Draw for the first step, which may already be past the warm-up."""
        super().build(context)
        if self._known_warmup == 0:
            self.target.assign(self._draw())

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Draw for the first step after a warm-up over data of unknown length."""
        super().begin_epoch(epoch, context)
        if self._known_warmup is None and int(self.epoch) == int(self.options.warmup):
            self.target.assign(self._draw())

    def after_step(self, signals: Signals) -> None:
        """Draw the coming step."""
        self.steps.assign_add(1)
        self.target.assign(tf.where(self._past_warmup(), self._draw(), REGULAR))

    def _past_warmup(self) -> tf.Tensor:
        if self._known_warmup is None:
            return self.warm()
        return tf.convert_to_tensor(self.steps) >= self._known_warmup

    def _draw(self) -> tf.Tensor:
        seed = tf.constant(self.context.seed, tf.int64)
        key = tf.stack([seed, tf.cast(tf.convert_to_tensor(self.steps), tf.int64)])
        modalities = len(self.context.modalities)
        return tf.random.stateless_uniform([], key, REGULAR, modalities, dtype=tf.int32)
