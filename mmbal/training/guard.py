"""Keeps NaN and infinity out of the weights, and says where they came from."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.training.learning_speed import Effective

Policy = Literal["stop", "skip", "warn"]
Held = Sequence[tuple[Any, tf.Tensor]]
"""Variables and their values."""


class NonFiniteError(MmbalError):
    """A loss, gradient or learning speed became NaN or infinite.

    Args:
        step: of the first such step, from 0.
        what: the quantities, in words.
    """

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"step {step}: {what} became NaN or infinite")
        self.step = step
        self.what = what


class Verdict(NamedTuple):
    """What the guard found in one update.

    Attributes:
        applies: () bool, whether it may change weights and accumulators.
        finite: () bool, whether all gradients are finite.
        fault: () int64, 0 for none, else a code for `Guard.describe`; earlier updates of the
            same step included.
    """

    applies: tf.Tensor
    finite: tf.Tensor
    fault: tf.Tensor


class Guard(tf.Module):
    """Judges every update inside the training graph.

    Under "stop" and "skip" a faulty update leaves weights, statistics and strategy as they
    were; under "stop" so do all updates after it, until the host notices. "warn" lets
    everything through but what a loss scale must catch.

    Args:
        policy: what a fault means.
        groups: names of the variable groups, as `LearningSpeed` measures them.
        modalities: in the order of the branches.
        scaled: whether a loss scale meets infinite gradients.
    """

    def __init__(
        self,
        policy: Policy,
        groups: Sequence[str],
        modalities: Sequence[str],
        scaled: bool = False,
    ) -> None:
        super().__init__(name="guard")
        self.policy = policy
        self.holds = policy != "warn" or scaled
        self._names = [
            "the loss",
            *(f"the gradient of {group}" for group in groups),
            *(f"the learning speed of {modality}" for modality in modalities),
        ]
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False, name="count")
        self.first = tf.Variable([0, 0], dtype=tf.int64, trainable=False, name="first")

    def judge(
        self,
        loss: tf.Tensor,
        effective: Effective,
        step: tf.Tensor,
        scaled: tf.Tensor | bool = False,
        earlier: tf.Tensor | int = 0,
    ) -> Verdict:
        """Look at the loss, gradients and effective updates behind one update.

        Args:
            loss: () of the global batch.
            effective: of the same gradients.
            step: () int64, number of the step.
            scaled: () bool, whether infinite gradients are met with a smaller loss scale.
            earlier: () int64, the fault of earlier updates in this step.
        """
        looked_at = [
            tf.cast(loss, tf.float64)[tf.newaxis],
            effective.gradients,
            effective.branch + effective.fusion,
        ]
        wrong = tf.logical_not(tf.math.is_finite(tf.concat(looked_at, axis=0)))
        bits = tf.bitwise.left_shift(
            tf.ones([], tf.int64), tf.range(len(self._names), dtype=tf.int64)
        )
        code = tf.reduce_sum(tf.where(wrong, bits, tf.zeros_like(bits)))
        sound = tf.equal(code, 0)
        overflow = tf.logical_and(scaled, tf.logical_not(tf.logical_or(sound, wrong[0])))
        fault = tf.where(overflow, tf.zeros_like(code), code)
        before = tf.convert_to_tensor(self.count)
        earlier = tf.cast(earlier, tf.int64)
        self._note(fault, step, before, tf.equal(earlier, 0))
        applies = {
            "stop": tf.logical_and(sound, tf.equal(before, 0)),
            "skip": sound,
            "warn": tf.logical_not(overflow),
        }[self.policy]
        finite = tf.logical_not(tf.reduce_any(wrong[1:]))
        return Verdict(applies, finite, tf.bitwise.bitwise_or(fault, earlier))

    def _note(
        self, fault: tf.Tensor, step: tf.Tensor, before: tf.Tensor, starts_step: tf.Tensor
    ) -> None:
        faulty = tf.not_equal(fault, 0)
        is_first = tf.logical_and(faulty, tf.equal(before, 0))
        here = tf.stack([tf.cast(step, tf.int64), fault])
        self.first.assign(tf.where(is_first, here, tf.convert_to_tensor(self.first)))
        self.count.assign_add(tf.cast(tf.logical_and(faulty, starts_step), tf.int64))

    def hold(self, network: keras.Model, strategy: tf.Module) -> Held:
        """Remember what moves beside the trained weights: statistics, random states, strategy."""
        if not self.holds:
            return []
        moving = [*network.non_trainable_variables, *strategy.variables]
        return [(variable, tf.convert_to_tensor(variable)) for variable in moving]

    def put_back(self, held: Held, applies: tf.Tensor) -> None:
        """Undo what a faulty update did to what was held."""

        def restore() -> tf.Tensor:
            for variable, value in held:
                variable.assign(value)
            return tf.constant(True)

        if held:
            tf.cond(applies, lambda: tf.constant(False), restore)

    def look(self) -> tuple[int, int, str] | None:
        """Return (faulty steps, first of them, what was wrong) since the last look, on the host."""
        count = int(self.count.numpy())
        if not count:
            return None
        step, code = (int(value) for value in self.first.numpy())
        if self.policy != "stop":
            self.count.assign(0)
        return count, step, self.describe(code)

    def describe(self, code: int) -> str:
        """Name the quantities behind a fault code."""
        return ", ".join(name for place, name in enumerate(self._names) if code >> place & 1)
