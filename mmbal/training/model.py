"""A Keras model that trains a fusion network under a strategy and watches its balance."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import RequirementError
from mmbal.training.epochs import StrategyEpochs
from mmbal.training.learning_speed import LearningSpeed, imbalance
from mmbal.training.losses import LogitAccuracy, branch_loss
from mmbal.training.network import FusionNetwork, build_from
from mmbal.training.optimizer import GroupedOptimizer
from mmbal.training.strategy import Context, Forward, Phase, Signals, Strategy
from mmbal.training.trace import StepTrace

ENDLESS = 2**31 - 1
"""Steps that Keras is told of where every epoch may have another length."""
KEEP = "__keep__"
"""Key under which a sampler passes (batch, modality) keep masks along with the inputs."""


class BalancedModel(keras.Model):
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
    """

    learning_speed: LearningSpeed
    optimizer: Any

    def __init__(
        self,
        network: FusionNetwork,
        strategy: Strategy | None = None,
        seed: int = 0,
        trace_capacity: int = 1000,
    ) -> None:
        super().__init__(name="balanced_model")
        self.network = network
        # Keras looks at this before it saves weights; steps call the network, not the model.
        self.built = network.built
        self.strategy = strategy or Strategy()
        self.strategy_seed = seed
        self.trace = StepTrace(len(network.modalities), trace_capacity)
        self.context: Context | None = None
        self.sampler: Any = None

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
            ValueError: the precision is float16, which needs a loss scale (bfloat16 does
                not), or the loss takes probabilities.
        """
        policies = (keras.config.dtype_policy(), self.network.dtype_policy)
        if "float16" in {policy.compute_dtype for policy in policies}:
            raise ValueError("precision must be float32, float64 or mixed_bfloat16")
        # Keras would make this metric in the first step, which TensorFlow then traces twice.
        metrics = [LogitAccuracy(metric) if metric == "accuracy" else metric for metric in metrics]
        # The loss is applied to every branch; Keras itself only sees the fused logits.
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **options)
        self._branch_loss = branch_loss(loss)
        self._joint_loss = keras.metrics.Mean(name="loss")
        self._branch_accuracy = [LogitAccuracy(f"accuracy/{m}") for m in self.network.modalities]

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the fused logits, (batch, classes)."""
        return self.network(_modalities_only(inputs), training=training).logits

    def fit(self, x: Any = None, *args: Any, callbacks: Any = None, **options: Any) -> Any:
        """Train as `keras.Model.fit` does, calling the strategy's epoch hooks."""
        build_from(self.network, x)
        self.built = True
        callbacks = [StrategyEpochs(self), *(callbacks or ())]
        if self.sampler is None:
            return super().fit(x, *args, callbacks=callbacks, **options)
        # Keras would hold every epoch to the length of the first one, and warn of its end.
        x = x.take(-1)
        x.cardinality = lambda: ENDLESS
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Your input ran out of data")
            return super().fit(x, *args, callbacks=callbacks, **options)

    def prepare(self, steps_per_epoch: int | None = None) -> Context:
        """Check the strategy's requirements and create its state; called by `fit`.

        Raises:
            RequirementError: the network or the run lacks what the strategy requires.
        """
        if self.context is None:
            self._check_requirements()
            groups = self.network.partition()
            self.context = Context(self.network, groups, self.strategy_seed, steps_per_epoch)
            self.learning_speed = LearningSpeed(
                self.network.modalities, self.network.variable_groups()
            )
            self.strategy.build(self.context)
        if not isinstance(self.optimizer, GroupedOptimizer):
            # Compiled anew, perhaps because layers were frozen or thawed.
            self.optimizer = GroupedOptimizer(self.optimizer, self.network.partition())
            self.learning_speed.watch(self.network.variable_groups())
        return self.context

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Run one step: forward, gradients, learning speeds, update, strategy."""
        inputs, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        # Where the end of the data comes unforeseen, nothing may move before a batch is there:
        # counters need no data, and TensorFlow would run them side by side with its failure.
        with tf.control_dependencies([x for x in tf.nest.flatten(data) if x is not None]):
            outputs, loss, balance = self._learn(inputs, labels, weight)
        return self._track(inputs, labels, weight, outputs, loss) | balance

    def _learn(
        self, inputs: dict[str, tf.Tensor], labels: tf.Tensor, weight: tf.Tensor | None
    ) -> tuple[Any, tf.Tensor, dict[str, tf.Tensor]]:
        """Update weights and strategy; return outputs, loss and what was measured."""
        phases = self.strategy.phases()
        for number, phase in enumerate(phases, start=1):
            plan = self._plan(inputs, labels, phase)
            with tf.GradientTape(persistent=self._several_gradients) as tape:
                outputs = self._forward(inputs, plan)
                losses = self.strategy.losses(outputs, labels, weight, self._branch_loss, phase)
                losses = self._with_penalties(losses)
            variables = self.network.trainable_variables
            gradients = self.strategy.combine_gradients(tape, losses, variables, phase)
            speeds = self.learning_speed.update(gradients, variables, plan.regular)
            self.optimizer.apply(
                gradients,
                variables,
                active=plan.active,
                only=phase.groups,
                ends_step=number == len(phases),
            )
            self.strategy.after_step(Signals(speeds, losses, plan.regular))
        loss = tf.add_n([tf.reduce_sum(value) for value in losses.values()])
        d_speed = imbalance(speeds)
        self.trace.write(loss, _isolated(plan), speeds, d_speed)
        balance = dict(zip(self._speed_names, tf.unstack(speeds), strict=True))
        return outputs, loss, {**balance, "d_speed": d_speed}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Evaluate one batch with normal gates."""
        inputs, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self.network(_modalities_only(inputs), training=False)
        self.built = True
        losses = Strategy.losses(self.strategy, outputs, labels, weight, self._branch_loss, Phase())
        loss = tf.add_n(list(self._with_penalties(losses).values()))
        return self._track(inputs, labels, weight, outputs, loss)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The joint loss, the metrics of `compile` and one accuracy per modality."""
        own = [self._joint_loss, *self._branch_accuracy] if self.compiled else []
        # Keras brings a tracker of its own named "loss", which nobody updates here.
        taken = {metric.name for metric in own}
        compiled = [metric for metric in super().metrics if metric.name not in taken]
        return own[:1] + compiled + own[1:]

    def _plan(self, inputs: dict[str, tf.Tensor], labels: tf.Tensor, phase: Phase) -> Forward:
        plan = self.strategy.forward(_modalities_only(inputs), labels, phase)
        if plan.keep is None and KEEP in inputs:
            plan = plan._replace(keep=inputs[KEEP])
        return plan

    def _forward(self, inputs: dict[str, tf.Tensor], plan: Forward) -> Any:
        given = {"isolate": plan.isolate, "keep": plan.keep, "transform": plan.transform}
        needed = {name: value for name, value in given.items() if value is not None}
        return self.network(_modalities_only(inputs), training=True, **needed)

    def _with_penalties(self, losses: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Add what the network's layers add: weight regularizers, `add_loss`."""
        if not self.network.losses:
            return dict(losses)
        dtype = next(iter(losses.values())).dtype
        penalty = tf.add_n([tf.cast(value, dtype) for value in self.network.losses])
        return {**losses, "regularization": penalty}

    def _track(
        self,
        inputs: dict[str, tf.Tensor],
        labels: tf.Tensor,
        weight: tf.Tensor | None,
        outputs: Any,
        loss: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        self._joint_loss.update_state(loss, sample_weight=tf.shape(outputs.logits)[0])
        for metric, modality in zip(self._branch_accuracy, self.network.modalities, strict=True):
            # Unweighted, as Keras takes the `metrics` of `compile`.
            metric.update_state(labels, outputs.unimodal[modality])
        fused: dict[str, tf.Tensor] = self.compute_metrics(
            inputs, labels, outputs.logits, sample_weight=weight
        )
        return fused

    @property
    def _several_gradients(self) -> bool:
        return self.strategy.requirements().several_gradients

    @property
    def _speed_names(self) -> list[str]:
        return [f"learning_speed/{m}" for m in self.network.modalities]

    def _check_requirements(self) -> None:
        needed, who = self.strategy.requirements(), type(self.strategy).__name__
        if needed.isolation and not self.network.can_isolate:
            raise RequirementError(
                f"strategy {who} isolates branches, network {type(self.network).__name__} cannot; "
                "use an architecture with gates between its branches, such as mmtm-cnn"
            )
        if needed.sampler and self.sampler is None:
            raise RequirementError(
                f"strategy {who} chooses its training examples; train it with `mmbal run`, "
                "`fit` alone offers no sampler"
            )


def _modalities_only(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: tensor for name, tensor in inputs.items() if name != KEEP}


def _isolated(plan: Forward) -> tf.Tensor:
    """Return the index of the isolated modality, -1 for none."""
    if plan.isolate is None:
        return tf.constant(-1)
    return tf.where(tf.reduce_any(plan.isolate), tf.argmax(tf.cast(plan.isolate, tf.int32)), -1)
