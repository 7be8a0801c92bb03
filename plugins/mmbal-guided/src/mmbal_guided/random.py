"""Random balancing: isolate a branch drawn anew at every step."""

import tensorflow as tf

from mmbal.strategies import Context, Draws, Signals
from mmbal_guided.balanced import REGULAR, Balanced


class Random(Balanced):
    """After the warm-up, draw each step uniformly from regular and one isolation per modality.

    The first step is regular, whatever the warm-up: nothing has been heard yet whose mean could
    stand in for it. The draw depends on the run's seed and on the step alone.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), section 5.
    """

    def build(self, context: Context) -> None:
        """Prepare the draws."""
        super().build(context)
        self._draws = Draws(context.seed, "random")

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Draw for the first step after a warm-up over data of unknown length."""
        super().begin_epoch(epoch, context)
        if self._known_warmup is None and 0 < epoch == int(self.options.warmup):
            self.target.assign(self._draw())

    def after_step(self, signals: Signals) -> None:
        """Draw the coming step."""
        self.steps.assign_add(1)
        self._draws.advance()
        self.target.assign(tf.where(self._past_warmup(), self._draw(), REGULAR))

    def _past_warmup(self) -> tf.Tensor:
        if self._known_warmup is None:
            return self.warm()
        return tf.convert_to_tensor(self.steps) >= self._known_warmup

    def _draw(self) -> tf.Tensor:
        choices = 1 + len(self.context.modalities)
        return REGULAR + tf.cast(self._draws.common(1)[0] * choices, tf.int32)
