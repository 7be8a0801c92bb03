"""What guided and random balancing share: isolating one branch for a step."""

import tensorflow as tf

from mmbal.strategies import Batch, Context, Forward, Phase, Requirements, Strategy
from mmbal_guided.options import BalancedOptions

REGULAR = -1


class Balanced(Strategy):
    """Isolates branch `target` in the coming step, or none where it is -1."""

    options: BalancedOptions

    def requirements(self) -> Requirements:
        """Require a network that can isolate a branch."""
        return Requirements(frozenset({"isolation"}))

    def build(self, context: Context) -> None:
        """Create the step counter and the target of the coming step.

        Raises:
            ValueError: a fraction of an epoch was asked for and its length is unknown.
        """
        self.target = _state(REGULAR, "target")
        self.steps = _state(0, "steps")
        self.epoch = _state(-1, "epoch")
        steps, warmup = self.options.warmup_steps, self.options.warmup
        if steps is None and context.steps_per_epoch is not None:
            steps = round(warmup * context.steps_per_epoch)
        elif steps is None and warmup != int(warmup):
            raise ValueError(
                f"warmup of {warmup} epochs needs data of known length; "
                "give whole epochs or warmup_steps"
            )
        self._known_warmup = steps

    def begin_epoch(self, epoch: int, context: Context) -> None:
        """Tell the graph which epoch it is, for a warm-up over data of unknown length."""
        self.epoch.assign(epoch)

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Isolate the target; leave alone what a re-balancing step must not train."""
        target = tf.convert_to_tensor(self.target)
        isolate = tf.equal(tf.range(len(self.context.modalities)), target)
        regular = tf.equal(target, REGULAR)
        active = {}
        for group in self.context.groups:
            kind, _, owner = group.partition("/")
            own = isolate[self._index(owner)] if owner in self.context.modalities else None
            if self.options.update == "isolated":
                own_branch = kind == "branch" and own is not None
                active[group] = tf.logical_or(regular, own) if own_branch else regular
            elif kind == "fusion" and own is not None:
                # A gate replaced by its mean has no gradient; momentum and weight decay
                # would move its variables all the same.
                active[group] = tf.logical_not(own)
        return Forward(isolate=isolate, active=active, regular=regular)

    def _index(self, modality: str) -> int:
        return self.context.modalities.index(modality)

    def warm(self) -> tf.Tensor:
        """Return whether the warm-up is over, for a step that has just been counted."""
        if self._known_warmup is None:
            return tf.convert_to_tensor(self.epoch) >= int(self.options.warmup)
        return tf.convert_to_tensor(self.steps) > self._known_warmup


def _state(value: int, name: str) -> tf.Variable:
    return tf.Variable(value, dtype=tf.int32, trainable=False, name=name)
