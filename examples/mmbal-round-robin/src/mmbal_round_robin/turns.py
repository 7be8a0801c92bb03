"""One branch is trained at a time."""

import tensorflow as tf

from mmbal import Strategy
from mmbal.strategies import Batch, Context, Forward, Phase, Signals
from mmbal_round_robin.options import RoundRobinOptions

BRANCH = "branch/"


class RoundRobin(Strategy):
    """Lets one branch learn for `turn` steps, then the next one; the others keep still.

    What lies between the branches, and joint classifiers, learn in every step. The optimizer's
    state of a branch that keeps still is left alone, so that momentum does not move it.
    """

    options: RoundRobinOptions

    def build(self, context: Context) -> None:
        """Create the counter of steps."""
        self._branches = {
            f"{BRANCH}{modality}": index for index, modality in enumerate(context.modalities)
        }
        self._groups = [group for group in context.groups if group in self._branches]
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Say which branches learn in this step."""
        whose = self.steps // self.options.turn % len(self._branches)
        return Forward(
            active={group: tf.equal(whose, self._branches[group]) for group in self._groups}
        )

    def after_step(self, signals: Signals) -> None:
        """Count the step."""
        self.steps.assign_add(1)
