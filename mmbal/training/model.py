"""A Keras model that trains a fusion network under a strategy and watches its balance."""

import warnings
from collections.abc import Sequence
from inspect import signature
from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import ContractError
from mmbal.networks.network import FusionNetwork
from mmbal.networks.shapes import build_from
from mmbal.replicas.keras_globals import check_keras_globals
from mmbal.replicas.rows import annotated
from mmbal.replicas.sums import global_rows, own_rows
from mmbal.strategies.context import Context
from mmbal.strategies.requirements import (
    refuse_other_kinds,
    refuse_outside_of_a_run,
    refuse_unoffered,
    suited,
)
from mmbal.strategies.step import Batch, Step
from mmbal.strategies.strategy import EpochPlan, Strategy
from mmbal.strategies.surroundings import ALONE, Surroundings
from mmbal.training import surface
from mmbal.training.epochs import FaultWatch, StrategyEpochs
from mmbal.training.guard import Policy
from mmbal.training.held_data import in_memory
from mmbal.training.learner import Learner
from mmbal.training.learning_speed import imbalance
from mmbal.training.losses import LogitAccuracy, all_losses, branch_loss
from mmbal.training.metrics import OwnMetrics
from mmbal.training.optimizer import GroupedOptimizer
from mmbal.training.precision import unscaled
from mmbal.training.trace import StepTrace

ENDLESS = 2**31 - 1
"""Steps that Keras is told of where every epoch may have another length."""


class BalancedModel(surface.KerasSurface):
    """Trains `network` with `strategy`, as any Keras model: compile, fit, evaluate, predict.

    Inputs are `{modality: tensor}`, labels class indices (or whatever the loss takes);
    `predict` returns the fused logits, (batch, classes). Beside the metrics that were asked for,
    logs hold `branch_accuracy/m` (`slice_accuracy/m`), `learning_speed/m` and `d_speed`.

    Example:
        model = BalancedModel(network, Guided(tolerance=0.1))
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        model.fit({"image": images, "sound": sounds}, labels, epochs=5)

    Args:
        network: the branches and their fusion.
        strategy: how to train; None for plain joint training, which is all that there is to do
            with a single modality.
        seed: of the strategy's own random numbers.
        trace_capacity: steps that `trace` remembers.
        on_nonfinite: what NaN or infinity in loss, gradients or speeds means: "stop" training
            (weights stay as they were before), "skip" the step, or "warn" and go on.
        surroundings: what a run offers beside.

    The strategy adapts the network when the model is made: whatever is called first, and whichever
    weights are loaded, the network predicts by the strategy's rule.

    Raises:
        RequirementError: the network lacks what the strategy requires.

    Made and compiled inside the scope of a `tf.distribute` strategy, it trains on all its
    replicas: every step sees the global batch, however many devices and hosts share it.
    """

    learner: Learner
    optimizer: Any

    def __init__(
        self,
        network: FusionNetwork,
        strategy: Strategy | None = None,
        seed: int = 0,
        trace_capacity: int = 1000,
        on_nonfinite: Policy = "stop",
        surroundings: Surroundings = ALONE,
    ) -> None:
        super().__init__(name="balanced_model", shared_out=surroundings.shared_out)
        self.surroundings = surroundings
        self.network = network
        strategy = strategy or Strategy()
        refuse_other_kinds(strategy, network)
        self.strategy = suited(strategy, network.modalities)
        refuse_unoffered(self.strategy, network)
        self.strategy.adapt(network)
        # Keras looks at this before it saves weights; steps call the network, not the model.
        self.built = network.built
        network.trainers.add(self)
        self.strategy_seed = seed
        self.on_nonfinite = on_nonfinite
        self.trace = StepTrace(len(network.modalities), trace_capacity)
        self.faults = FaultWatch(lambda: self.learner.guard, trace_capacity)
        self.context: Context | None = None
        begun = surroundings.resumed_epoch
        self._epochs = StrategyEpochs(self.strategy, self.prepare, self._follow, begun)

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Sequence[Any] | None = ("accuracy",),
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
            ContractError: metrics are no list, or losses are to be weighted.
            ValueError: the loss takes probabilities, or something is asked for that several
                replicas cannot do, such as XLA.
        """
        check_keras_globals()
        if options.get("loss_weights") or not isinstance(metrics, list | tuple | None):
            raise ContractError("metrics must be a list, loss_weights None: there is one output")
        optimizer = unscaled(optimizer)
        # Keras would make this metric in the first step, which TensorFlow then traces twice.
        with self.replicas.scope():
            metrics = [LogitAccuracy(m) if m in ("accuracy", "acc") else m for m in metrics or ()]
        # The loss is applied to every branch; Keras itself only sees the fused logits.
        options |= {"loss": None, "auto_scale_loss": False}
        super().compile(optimizer=optimizer, metrics=metrics, **options)
        self.loss_given, self._branch_loss = loss, branch_loss(loss, self.replicas.count)
        self.compared = any(isinstance(metric, LogitAccuracy) for metric in metrics)
        with self.replicas.scope():
            self._own = OwnMetrics(self.network.accuracy_names, metrics)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the fused logits, (batch, classes)."""
        return self.network(annotated(inputs).inputs, training=training).logits

    def fit(self, x: Any = None, y: Any = None, *args: Any, **options: Any) -> Any:
        """Train as `keras.Model.fit` does, calling the strategy's epoch hooks.

        Where the strategy reads or chooses training examples and no run offers them, arrays and
        finite datasets are held in memory for it.

        Raises:
            NonFiniteError: loss, gradients or speeds became NaN or infinite and `on_nonfinite`
                is "stop".
            RequirementError: the strategy needs data or labels of another kind.
            ContractError: "accuracy" was asked for, which needs labels of another kind, or a
                callback cannot do what it is for.
        """
        self._assert_compile_called("fit")
        bound = signature(super().fit).bind(x, y, *args, **options)
        bound.apply_defaults()
        options = bound.arguments
        callbacks = surface.suitable_callbacks(options["callbacks"], self.optimizer)
        given = {**options, "callbacks": callbacks}
        options["callbacks"] = [self.faults, self._epochs, *callbacks]
        x, y = surface.peeked(options)
        with self.replicas.scope(), warnings.catch_warnings():
            build_from(self.network, x)
            self.built = True
            if (held_out := options["validation_data"]) is not None:
                self._look_at(*keras.utils.unpack_x_y_sample_weight(held_out)[:2])
            self._look_at(x, y, self.strategy)
            self._offer(options)
            surface.refuse_backups(callbacks, self.surroundings)
            if self.surroundings.open_ended:
                # Keras would hold every epoch to the length of the first one, and warn.
                options["x"] = options["x"].take(-1)
                options["x"].cardinality = lambda: tf.constant(ENDLESS, tf.int64)
                warnings.filterwarnings("ignore", "Your input ran out of data")
            return surface.conducted(self, given, options, super().fit)

    def _offer(self, options: dict[str, Any]) -> None:
        """Offer the data to a strategy that needs more of them than batches."""
        surroundings = in_memory(self, options)
        if surroundings is None:
            return
        self.surroundings = surroundings
        if self.context is not None:
            self.context = self._context(self.context.steps_per_epoch)

    @property
    def begun_epoch(self) -> int | None:
        """Number of the epoch whose plan was made last; None before the first."""
        return self._epochs.begun

    def _follow(self, plan: EpochPlan) -> None:
        for group, factor in plan.learning_rates.items():
            self.optimizer.set_multiplier(group, factor)
        for variable, value in plan.weights:
            variable.assign(value)
        if plan.sampler is not None and self.surroundings.sampler is not None:
            self.surroundings.sampler.assign(plan.sampler)

    def prepare(self, steps_per_epoch: int | None = None) -> Context:
        """Check what the strategy requires of the run, create its state; called by `fit`.

        Raises:
            RequirementError: the run lacks what the strategy requires.
        """
        with self.replicas.scope():
            if self.context is None:
                refuse_outside_of_a_run(self.strategy, self.surroundings)
                # A plan's epochs have lengths of their own.
                known = None if self.surroundings.sampler else steps_per_epoch
                self.context = self._context(known)
                self.strategy.context = self.context
                self.strategy.build(self.context)
                self.learner = Learner(self.network, self.strategy, self.trace, self.on_nonfinite)
            if not isinstance(self.optimizer, GroupedOptimizer):
                # Compiled anew, perhaps because layers were frozen or thawed.
                self.optimizer = self.learner.watch(self.optimizer)
        return self.context

    def _context(self, steps_per_epoch: int | None) -> Context:
        rehearse = self.surroundings.rehearse
        return Context(
            self.network,
            self.network.partition(),
            self.strategy_seed,
            steps_per_epoch,
            self.surroundings,
            None if rehearse is None else rehearse(self),
        )

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Run one step: forward, gradients, learning speeds, update, strategy."""
        data, whole = self.share(data)
        # Where the end of the data comes unforeseen, nothing may move before a batch is there:
        # counters need no data, and TensorFlow would run them side by side with its failure.
        with tf.control_dependencies([x for x in tf.nest.flatten(data) if x is not None]):
            batch = _batch_of(data, whole)
            update = self.learner.learn(batch, self._branch_loss, self.optimizer)
            d_speed = imbalance(update.speeds)
            self.trace.write(
                update.loss, update.forward.isolated, update.speeds, d_speed, update.fault
            )
        named = zip(self.network.modalities, tf.unstack(update.speeds), strict=True)
        balance = {f"learning_speed/{modality}": speed for modality, speed in named}
        tracked = self._track(batch, whole, update.outputs, update.loss)
        return {**tracked, **balance, "d_speed": d_speed}

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Evaluate one batch with normal gates."""
        data, whole = self.share(data)
        batch = _batch_of(data, whole)
        outputs = self.network(batch.inputs, training=False)
        self.built = True
        joint = Step(batch, outputs, self._branch_loss).joint_losses()
        losses = all_losses(joint, self.network.losses, batch.labels)
        return self._track(batch, whole, outputs, tf.add_n(list(losses.values())))

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The joint loss, the metrics of `compile` and one accuracy per modality."""
        if not self.compiled:
            return super().metrics  # type: ignore[no-any-return]
        # Keras brings a tracker of its own named "loss", which nobody updates here.
        compiled = [metric for metric in super().metrics if metric.name != "loss"]
        return [self._own.loss, *compiled, *(self._own.accuracy if self._own.compares else ())]

    @property
    def own_metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that exist since `compile`, whatever Keras makes later."""
        return self._own.existing

    def _track(
        self, batch: Batch, whole: tf.Tensor, outputs: Any, loss: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Show the global batch to the metrics, on every replica alike."""
        unimodal = [outputs.unimodal[modality] for modality in self.network.modalities]
        seen = [batch.labels, batch.weight, outputs.logits, *unimodal]
        labels, weight, fused, *unimodal = global_rows(seen, whole)
        counts = tf.logical_or(self.on_nonfinite != "skip", tf.math.is_finite(loss))
        self._own.update(loss, labels, unimodal, counts)
        results: dict[str, tf.Tensor] = self.compute_metrics(
            batch.inputs, labels, fused, sample_weight=weight
        )
        return results


def _batch_of(data: Any, whole: tf.Tensor) -> Batch:
    """Return what Keras hands to a step as a batch: a replica's rows, or all if `whole`."""
    x, labels, weight = keras.utils.unpack_x_y_sample_weight(data)
    if labels is None:
        raise ContractError("labels are missing: y, or data of (inputs, labels)")
    return Batch.of(x, labels, weight, own_rows(tf.shape(labels)[0], whole))
