"""A Keras model that trains a fusion network under a strategy and watches its balance."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.controls import Controls
from mmbal.networks.network import OWN, FusionNetwork
from mmbal.networks.shapes import build_from
from mmbal.replicas.model import ReplicatedModel
from mmbal.replicas.sums import global_rows, own_rows
from mmbal.strategies.requirements import check_requirements, checked
from mmbal.strategies.step import (
    KEEP,
    Forward,
    Phase,
    Signals,
    Step,
    joint_losses,
    modalities_only,
)
from mmbal.strategies.strategy import Context, Strategy
from mmbal.strategies.tape import GlobalTape
from mmbal.training.epochs import FaultWatch, StrategyEpochs
from mmbal.training.guard import Guard, Policy, Verdict
from mmbal.training.learning_speed import LearningSpeed, imbalance
from mmbal.training.losses import LogitAccuracy, all_losses, branch_loss
from mmbal.training.metrics import OwnMetrics
from mmbal.training.optimizer import GroupedOptimizer
from mmbal.training.precision import LossScale, loss_scale_for
from mmbal.training.trace import StepTrace

ENDLESS = 2**31 - 1
"""Steps that Keras is told of where every epoch may have another length."""


class BalancedModel(ReplicatedModel):
    """Trains `network` with `strategy`, as any Keras model: compile, fit, evaluate, predict.

    Inputs are `{modality: tensor}`, labels class indices (or whatever the loss takes);
    `predict` returns the fused logits, (batch, classes). Beside the metrics that were asked
    for, the logs hold `accuracy/MODALITY`, `learning_speed/MODALITY` and `d_speed`.

    Example:
        model = BalancedModel(network, Guided(tolerance=0.1))
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        model.fit({"image": images, "sound": sounds}, labels, epochs=5)

    Args:
        network: the branches and their fusion.
        strategy: how to train; None for plain joint training.
        seed: of the strategy's own random numbers.
        trace_capacity: steps that `trace` remembers.
        on_nonfinite: what NaN or infinity in loss, gradients or speeds means: "stop" training
            (weights stay as they were before), "skip" the step, or "warn" and go on.

    Made and compiled inside the scope of a `tf.distribute` strategy, it trains on all its
    replicas: every step sees the global batch, however many devices and hosts share it.
    """

    learning_speed: LearningSpeed
    guard: Guard
    optimizer: Any

    def __init__(
        self,
        network: FusionNetwork,
        strategy: Strategy | None = None,
        seed: int = 0,
        trace_capacity: int = 1000,
        on_nonfinite: Policy = "stop",
    ) -> None:
        super().__init__(name="balanced_model")
        self.epochs_vary = False
        self.network = network
        # Keras looks at this before it saves weights; steps call the network, not the model.
        self.built = network.built
        self.strategy = strategy or Strategy()
        self.strategy_seed = seed
        self.on_nonfinite = on_nonfinite
        self.loss_scale: LossScale | None = None
        self.trace = StepTrace(len(network.modalities), trace_capacity)
        self.context: Context | None = None
        self.begun_epoch: int | None = None
        self.sampler: Any = None
        self.run_facts: dict[str, Any] = {}

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Sequence[Any] = ("accuracy",),
        **options: Any,
    ) -> None:
        """Configure training as `keras.Model.compile` does.

        Args:
            optimizer: a Keras optimizer; every variable group gets a copy of it.
            loss: a `keras.losses.Loss` or a function of (labels, logits), applied to the
                logits of each branch; by default cross-entropy against class indices.
            metrics: of the fused logits.
            **options: passed on to Keras.

        Raises:
            ValueError: the loss takes probabilities, or something is asked for that several
                replicas cannot do, such as XLA.
        """
        self.refuse_on_replicas(optimizer, options)
        # Keras would make this metric in the first step, which TensorFlow then traces twice.
        with self.replicas.scope():
            metrics = [LogitAccuracy(m) if m == "accuracy" else m for m in metrics]
        # The loss is applied to every branch; Keras itself only sees the fused logits.
        options |= {"loss": None, "auto_scale_loss": False}
        super().compile(optimizer=optimizer, metrics=metrics, **options)
        self._branch_loss = branch_loss(loss, self.replicas.count)
        with self.replicas.scope():
            self._own = OwnMetrics(self.network.modalities, metrics)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the fused logits, (batch, classes)."""
        return self.network(modalities_only(inputs), training=training).logits

    def fit(self, x: Any = None, *args: Any, callbacks: Any = None, **options: Any) -> Any:
        """Train as `keras.Model.fit` does, calling the strategy's epoch hooks.

        Raises:
            NonFiniteError: loss, gradients or speeds became NaN or infinite and `on_nonfinite`
                is "stop".
        """
        callbacks = [FaultWatch(self), StrategyEpochs(self), *(callbacks or ())]
        with self.replicas.scope(), warnings.catch_warnings():
            build_from(self.network, x)
            self.built = True
            if self.epochs_vary:
                # Keras would hold every epoch to the length of the first one, and warn.
                x = x.take(-1)
                x.cardinality = lambda: ENDLESS
                warnings.filterwarnings("ignore", "Your input ran out of data")
            try:
                return super().fit(x, *args, callbacks=callbacks, **options)
            finally:
                self.begun_epoch = None

    def prepare(self, steps_per_epoch: int | None = None) -> Context:
        """Check the strategy's requirements, adapt the network, create state; called by `fit`.

        Raises:
            RequirementError: the network or the run lacks what the strategy requires.
        """
        with self.replicas.scope():
            if self.context is None:
                check_requirements(self.strategy, self.network, within_run=bool(self.run_facts))
                self.strategy.adapt(self.network)
                facts = {"steps_per_epoch": steps_per_epoch} | self.run_facts
                groups, classes = self.network.partition(), self.network.classes
                self.context = Context(
                    self.network, groups, self.strategy_seed, classes=classes, **facts
                )
                self.strategy.build(self.context)
                own, served = self.strategy.trained_variables(), self.network.variable_groups()
                self.learning_speed = LearningSpeed(self.network.modalities, served, own)
                self.loss_scale = loss_scale_for(self.network)
                self.guard = Guard(
                    self.on_nonfinite,
                    list(self._groups()),
                    self.network.modalities,
                    scaled=self.loss_scale is not None,
                )
            if not isinstance(self.optimizer, GroupedOptimizer):
                # Compiled anew, perhaps because layers were frozen or thawed.
                self.optimizer = GroupedOptimizer(self.optimizer, self._groups())
                own = self.strategy.trained_variables()
                self.learning_speed.watch(self.network.variable_groups(), own)
        return self.context

    def _groups(self) -> dict[str, Sequence[keras.Variable]]:
        """Return the variable groups that are trained: the network's and the strategy's own."""
        own = self.strategy.trained_variables()
        return {**self.network.partition(), **({OWN: own} if own else {})}

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Run one step: forward, gradients, learning speeds, update, strategy."""
        data, whole = self.share(data)
        # Where the end of the data comes unforeseen, nothing may move before a batch is there:
        # counters need no data, and TensorFlow would run them side by side with its failure.
        with tf.control_dependencies([x for x in tf.nest.flatten(data) if x is not None]):
            outputs, loss, balance = self._learn(data, whole)
        return self._track(data, whole, outputs, loss) | balance

    def _learn(self, data: Any, whole: tf.Tensor) -> tuple[Any, tf.Tensor, dict[str, tf.Tensor]]:
        """Update weights and strategy; return outputs, loss and what was measured."""
        inputs, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        rows = own_rows(tf.shape(labels)[0], whole)
        phases, fault = self.strategy.phases(), tf.zeros([], tf.int64)
        several = self.strategy.requirements().several_gradients
        for number, phase in enumerate(phases, start=1):
            held = self.guard.hold(self.network, self.strategy)
            step = Step(modalities_only(inputs), labels, weight, self._branch_loss, phase, rows)
            plan = self._plan(step, inputs)
            with tf.GradientTape(persistent=several) as local_tape:
                step = step._replace(outputs=self._forward(inputs, plan))
                penalties = self.network.losses  # a strategy may run the network again
                own = self.strategy.losses(step, joint_losses(step))
                losses = all_losses(own, penalties, labels)
            variables = [*self.network.trainable_variables, *self.strategy.trained_variables()]
            tape = GlobalTape(local_tape, self._scale)
            gradients = self.strategy.combine_gradients(tape, losses, variables, step)
            effective = self.learning_speed.measure(gradients, variables)
            loss = tf.add_n([tf.reduce_sum(value) for value in losses.values()])
            verdict = self.guard.judge(loss, effective, self.trace.steps, self._shrinks, fault)
            fault = verdict.fault
            counts = tf.logical_and(plan.regular, verdict.applies)
            speeds = self.learning_speed.accumulate(effective, counts)
            self.optimizer.apply(
                gradients,
                variables,
                active=self._active(plan, verdict),
                only=phase.groups,
                ends_step=tf.logical_and(verdict.applies, number == len(phases)),
            )
            if self.loss_scale is not None:
                self.loss_scale.update(verdict.finite)
            self.strategy.after_step(Signals(speeds, losses, counts))
            self.guard.put_back(held, verdict.applies)
        d_speed = imbalance(speeds)
        self.trace.write(loss, plan.isolated, speeds, d_speed, fault)
        named = zip(self.network.modalities, tf.unstack(speeds), strict=True)
        balance = {f"learning_speed/{modality}": speed for modality, speed in named}
        return step.outputs, loss, {**balance, "d_speed": d_speed}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Evaluate one batch with normal gates."""
        data, whole = self.share(data)
        inputs, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self.network(modalities_only(inputs), training=False)
        self.built = True
        step = Step(inputs, labels, weight, self._branch_loss, Phase(), outputs=outputs)
        losses = all_losses(joint_losses(step), self.network.losses, labels)
        return self._track(data, whole, outputs, tf.add_n(list(losses.values())))

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The joint loss, the metrics of `compile` and one accuracy per modality."""
        if not self.compiled:
            return super().metrics  # type: ignore[no-any-return]
        # Keras brings a tracker of its own named "loss", which nobody updates here.
        compiled = [metric for metric in super().metrics if metric.name != "loss"]
        return [self._own.loss, *compiled, *self._own.accuracy]

    @property
    def own_metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that exist since `compile`, whatever Keras makes later."""
        return self._own.existing

    def _plan(self, step: Step, inputs: dict[str, tf.Tensor]) -> Forward:
        plan = checked(self.strategy.forward(step), self.strategy, self.network)
        return plan._replace(keep=inputs.get(KEEP)) if plan.keep is None else plan

    def _forward(self, inputs: dict[str, tf.Tensor], plan: Forward) -> Any:
        controls = Controls(plan.isolate, plan.keep, transform=plan.transform)
        return self.network(modalities_only(inputs), controls, training=True)

    def _active(self, plan: Forward, verdict: Verdict) -> Mapping[str, tf.Tensor]:
        """Return which groups this step updates: none if it is faulty."""
        if not self.guard.holds:
            return plan.active
        return {
            group: tf.logical_and(verdict.applies, plan.active.get(group, True))
            for group in self.optimizer.groups
        }

    def _track(
        self, data: Any, whole: tf.Tensor, outputs: Any, loss: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Show the global batch to the metrics, on every replica alike."""
        inputs, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        unimodal = [outputs.unimodal[modality] for modality in self.network.modalities]
        seen = [labels, weight, outputs.logits, *unimodal]
        labels, weight, fused, *unimodal = global_rows(seen, whole)
        counts = tf.logical_or(self.on_nonfinite != "skip", tf.math.is_finite(loss))
        self._own.update(loss, labels, unimodal, counts)
        results: dict[str, tf.Tensor] = self.compute_metrics(
            inputs, labels, fused, sample_weight=weight
        )
        return results

    @property
    def _scale(self) -> tf.Tensor | None:
        return None if self.loss_scale is None else tf.convert_to_tensor(self.loss_scale.factor)

    @property
    def _shrinks(self) -> tf.Tensor | bool:
        return False if self.loss_scale is None else self.loss_scale.shrinks
