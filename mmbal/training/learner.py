"""The updates of a training step, and what is measured of each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mmbal.networks.controls import Controls
from mmbal.networks.network import OWN, FusionNetwork
from mmbal.strategies.composite import product_of
from mmbal.strategies.requirements import checked
from mmbal.strategies.step import Batch, Forward, Loss, Phase, Signals, Step
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.tape import GlobalTape
from mmbal.training.guard import Guard, Policy, Verdict
from mmbal.training.learning_speed import LearningSpeed
from mmbal.training.losses import PENALTIES, all_losses
from mmbal.training.optimizer import GroupedOptimizer
from mmbal.training.precision import LossScale, loss_scale_for
from mmbal.training.trace import StepTrace


class Update(NamedTuple):
    """What one update of a step did.

    Attributes:
        forward: how it ran the network.
        outputs: of the network.
        loss: () of the global batch.
        speeds: (modality,) conditional learning speeds in nats after it.
        fault: () int64, what the guard found in the step so far.
    """

    forward: Forward
    outputs: Any
    loss: tf.Tensor
    speeds: tf.Tensor
    fault: tf.Tensor


class Learner:
    """Moves the weights of a network under a strategy, and watches how.

    Args:
        network: built.
        strategy: built.
        trace: of the steps; numbers them.
        on_nonfinite: as of `BalancedModel`.
    """

    def __init__(
        self, network: FusionNetwork, strategy: Strategy, trace: StepTrace, on_nonfinite: Policy
    ) -> None:
        self.network, self.strategy, self.trace = network, strategy, trace
        own = strategy.trained_variables()
        self.learning_speed = LearningSpeed(network.modalities, network.variable_groups(), own)
        self.loss_scale: LossScale | None = loss_scale_for(network)
        self.guard = Guard(
            on_nonfinite,
            list(self._groups()),
            network.modalities,
            scaled=self.loss_scale is not None,
        )

    def watch(self, optimizer: Any) -> GroupedOptimizer:
        """Return a Keras optimizer as one per variable group; measure what they train now."""
        own = self.strategy.trained_variables()
        self.learning_speed.watch(self.network.variable_groups(), own)
        return GroupedOptimizer(optimizer, self._groups())

    def _groups(self) -> dict[str, Sequence[keras.Variable]]:
        """Return the variable groups that are trained: the network's and the strategy's own."""
        own = self.strategy.trained_variables()
        return {**self.network.partition(), **({OWN: own} if own else {})}

    def learn(self, batch: Batch, loss: Loss, optimizer: GroupedOptimizer) -> Update:
        """Run the updates of a step; return the last one.

        Args:
            batch: to learn from.
            loss: of one branch, as in `Step`.
            optimizer: of the variable groups.
        """
        phases, fault = self.strategy.phases(), tf.zeros([], tf.int64)
        for number, phase in enumerate(phases, start=1):
            # What a faulty update moves beside the weights.
            before = self.guard.hold(self.network, self.strategy)
            ends_step = number == len(phases)
            update, verdict = self._update(batch, loss, optimizer, phase, fault, ends_step)
            self.guard.put_back(before, verdict.applies)
            fault = update.fault
        return update

    def _update(
        self,
        batch: Batch,
        branch_loss: Loss,
        optimizer: GroupedOptimizer,
        phase: Phase,
        fault: tf.Tensor,
        ends_step: bool,
    ) -> tuple[Update, Verdict]:
        """Run forward, gradients, learning speeds, optimizer and strategy once."""
        forward = checked(self.strategy.forward(batch, phase), self.strategy, self.network)
        controls = _controls(batch, forward)
        # Graphs keep nothing for it: a persistent tape costs memory in eager steps alone.
        with tf.GradientTape(persistent=True) as local_tape:
            outputs = self.network(batch.inputs, controls, training=True)
            penalties = self.network.losses  # a strategy may run the network again
            step = Step(batch, outputs, branch_loss, phase, controls)
            own = self.strategy.losses(step, step.joint_losses())
            losses = all_losses(own, penalties, batch.labels)
        variables = [*self.network.trainable_variables, *self.strategy.trained_variables()]
        gradients = self._gradients(GlobalTape(local_tape, self._scale), losses, variables, step)
        effective = self.learning_speed.measure(gradients, variables)
        loss = tf.add_n([tf.reduce_sum(value) for value in losses.values()])
        verdict = self.guard.judge(loss, effective, self.trace.steps, self._shrinks, fault)
        counts = tf.logical_and(forward.regular, verdict.applies)
        speeds = self.learning_speed.accumulate(effective, counts)
        optimizer.apply(
            gradients,
            variables,
            active=self._active(forward, verdict, optimizer),
            only=phase.groups,
            ends_step=tf.logical_and(verdict.applies, ends_step),
        )
        if self.loss_scale is not None:
            self.loss_scale.update(verdict.finite)
        self.strategy.after_step(Signals(speeds, losses, counts))
        return Update(forward, outputs, loss, speeds, verdict.fault), verdict

    def _gradients(
        self,
        tape: GlobalTape,
        losses: dict[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Let the strategy combine the gradients of its losses; penalties are added as they are."""
        own = {name: loss for name, loss in losses.items() if name != PENALTIES}
        combined = self.strategy.combine_gradients(tape, own, variables, step)
        if PENALTIES not in losses:
            return combined
        added = tape.gradient(losses[PENALTIES], variables)
        return [
            one if other is None else other if one is None else one + other
            for one, other in zip(combined, added, strict=True)
        ]

    def _active(
        self, forward: Forward, verdict: Verdict, optimizer: GroupedOptimizer
    ) -> Mapping[str, tf.Tensor]:
        """Return which groups this step updates: none if it is faulty."""
        if not self.guard.holds:
            return forward.active
        given = {
            group: tf.logical_and(verdict.applies, own) for group, own in forward.active.items()
        }
        return dict.fromkeys(optimizer.groups, verdict.applies) | given

    @property
    def _scale(self) -> tf.Tensor | None:
        return None if self.loss_scale is None else tf.convert_to_tensor(self.loss_scale.factor)

    @property
    def _shrinks(self) -> tf.Tensor | bool:
        return False if self.loss_scale is None else self.loss_scale.shrinks


def _controls(batch: Batch, forward: Forward) -> Controls:
    masks = [mask for mask in (batch.keep, forward.keep) if mask is not None]
    keep = product_of(masks) if masks else None
    return Controls(forward.isolate, keep, transform=forward.transform)
