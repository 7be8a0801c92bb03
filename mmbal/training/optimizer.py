"""One optimizer per variable group, behind the one that Keras callbacks see."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import ContractError, unknown
from mmbal.keys import scope_name

Updated = tuple[keras.optimizers.Optimizer, list[tf.Tensor], list[keras.Variable]]
"""The optimizer of a group, its gradients and their variables."""
EXCLUSION = "_exclude_from_weight_decay"
"""What `exclude_from_weight_decay` writes begins with this; `get_config` leaves it out."""


class GroupedOptimizer(keras.optimizers.Optimizer):
    """Gives each variable group a copy of an optimizer with its own state and learning rate.

    A shared optimizer cannot do this: its step counter is common, so skipping a group
    corrupts Adam's bias correction, and scaling a gradient changes nothing under Adam.
    `learning_rate` of this object is the base rate of all groups, so Keras's learning-rate
    callbacks and schedules work as ever; global-norm clipping spans all groups.

    Args:
        template: any Keras optimizer; its settings are copied, its state is not.
        groups: group name to variables, disjoint.
    """

    def __init__(
        self,
        template: keras.optimizers.Optimizer,
        groups: Mapping[str, Sequence[keras.Variable]],
    ) -> None:
        rate = template._learning_rate  # noqa: SLF001  (the property evaluates schedules)
        super().__init__(
            # A schedule or a function stays one; a variable is the template's own.
            learning_rate=float(rate.numpy()) if isinstance(rate, keras.Variable) else rate,
            name=template.name,
        )
        # Only its settings are kept: Keras may have built it, and its slots would be waste.
        self._kind, self._settings = type(template), template.get_config()
        self._excluded = {
            name: value for name, value in vars(template).items() if name.startswith(EXCLUSION)
        }
        self._global_clipnorm = template.global_clipnorm
        self._multipliers: dict[str, keras.Variable] = {}
        self._optimizers: dict[str, keras.optimizers.Optimizer] = {}
        # Keras tracks variables in dictionaries as state of the optimizer; these are the model's.
        self._groups = MappingProxyType({name: list(members) for name, members in groups.items()})
        self.build([v for variables in self._groups.values() for v in variables])

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups."""
        return tuple(self._groups)

    @property
    def variables(self) -> list[keras.Variable]:
        """All state: the step counter, the rates and every group's own variables."""
        own: list[keras.Variable] = super().variables
        return own + [v for optimizer in self._optimizers.values() for v in optimizer.variables]

    @property
    def _model_variables_moving_average(self) -> list[keras.Variable]:
        """The averages of all groups, which `keras.callbacks.SwapEMAWeights` looks for."""
        averages = {
            id(variable): average
            for name, optimizer in self._optimizers.items()
            for variable, average in zip(
                self._groups[name],
                optimizer._model_variables_moving_average,  # noqa: SLF001
                strict=True,
            )
        }
        return [averages[id(variable)] for variable in self._trainable_variables]

    def build(self, variables: list[keras.Variable]) -> None:
        """Create one optimizer per group."""
        if self.built:
            return
        super().build(variables)
        kind = _of_global_gradients(self._kind)
        for name, members in self._groups.items():
            label = scope_name(name.replace("/", "_").replace("+", "_"))
            multiplier = self.add_variable((), initializer="ones", name=f"{label}_multiplier")
            config = self._settings | {
                "name": f"{self.name}_{label}",
                "learning_rate": GroupRate(self, multiplier),
                "global_clipnorm": None,
                "loss_scale_factor": None,  # the loss is not scaled either
            }
            optimizer = kind(**config)
            vars(optimizer).update(self._excluded)
            optimizer.build(members)
            self._multipliers[name] = multiplier
            self._optimizers[name] = optimizer

    def set_multiplier(self, group: str, factor: float) -> None:
        """Multiply the learning rate of `group` by `factor` from now on."""
        if group not in self._multipliers:
            raise ContractError(unknown("variable group", group, self._multipliers))
        self._multipliers[group].assign(factor)

    def apply(
        self,
        grads: Sequence[tf.Tensor | None],
        trainable_variables: Sequence[keras.Variable] | None = None,
        active: Mapping[str, tf.Tensor] | None = None,
        only: Sequence[str] | None = None,
        ends_step: tf.Tensor | bool = True,
    ) -> None:
        """Update the variables.

        Args:
            grads: of the global batch, one per variable, None for a variable that took no part.
            trainable_variables: in the order of `grads`; by default that of the groups.
            active: group name to a scalar bool; an inactive group keeps its variables, its
                optimizer state and its step counter.
            only: names of the groups to update at all; None for every group.
            ends_step: () bool, whether schedules count one training step; False for all but
                the last of several updates in one step.
        """
        variables = trainable_variables or self._trainable_variables
        gradient = dict(zip(map(id, variables), self._clip(grads), strict=True))
        # Groups with one and the same condition share it: each takes time to trace.
        shared: dict[int, tuple[tf.Tensor | None, list[Updated]]] = {}
        for name, optimizer in self._optimizers.items():
            if only is not None and name not in only:
                continue
            members = [v for v in self._groups[name] if gradient.get(id(v)) is not None]
            if members:
                condition = (active or {}).get(name)
                _, updated = shared.setdefault(id(condition), (condition, []))
                updated.append((optimizer, [gradient[id(v)] for v in members], members))
        for condition, updated in shared.values():
            _apply_if(condition, updated)
        self._iterations.assign_add(tf.cast(ends_step, self._iterations.dtype))

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Overwrite the weights with their moving averages where the template keeps any."""
        for name, optimizer in self._optimizers.items():
            optimizer.finalize_variable_values(self._groups[name])

    def fresh(self) -> keras.optimizers.Optimizer:
        """Return the optimizer that the groups copy, as it was before training."""
        return self._kind.from_config(self._settings)

    def get_config(self) -> dict[str, Any]:
        """Return the settings of the optimizer that the groups copy."""
        return dict(self._settings)

    def _clip(self, grads: Sequence[tf.Tensor | None]) -> Sequence[tf.Tensor | None]:
        if self._global_clipnorm is None:
            return grads
        clipped, _ = tf.clip_by_global_norm(list(grads), self._global_clipnorm)
        return clipped  # type: ignore[no-any-return]


class GroupRate(keras.optimizers.schedules.LearningRateSchedule):
    """The base learning rate times the factor of one group."""

    def __init__(self, base: GroupedOptimizer, multiplier: keras.Variable) -> None:
        self._base = base
        self._multiplier = multiplier

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Return the rate of the coming step."""
        # The base counts every step; a group that sat some out still follows the schedule.
        factor = tf.convert_to_tensor(self._multiplier)
        # Schedules compute in float32 even where everything else is float64.
        return tf.cast(tf.convert_to_tensor(self._base.learning_rate), factor.dtype) * factor


def _of_global_gradients(kind: Any) -> Any:
    """Return `kind` without its own sum over the replicas.

    Keras sums gradients inside the update, after clipping. Here they arrive summed, because
    learning speeds and clipping need them so; the tests on two replicas hold this.
    """

    def _as_they_are(_: Any, grads_and_vars: Any) -> list[Any]:
        return list(grads_and_vars)

    return type(kind.__name__, (kind,), {"_all_reduce_sum_gradients": _as_they_are})


def _apply_if(active: tf.Tensor | None, updated: Sequence[Updated]) -> None:
    """Update groups of variables, unless a condition does not hold."""
    gradients = [each for _, each, _ in updated]

    def apply(given: Sequence[Sequence[tf.Tensor]]) -> None:
        for (optimizer, _, variables), own in zip(updated, given, strict=True):
            optimizer.apply(own, variables)

    if active is None:
        apply(gradients)
        return

    def on_all_replicas(strategy: tf.distribute.Strategy, gradients: Any, active: Any) -> None:
        def update() -> tf.Tensor:
            strategy.run(apply, args=(gradients,))
            return tf.constant(True)

        first = strategy.experimental_local_results(active)[0]
        tf.cond(first, update, lambda: tf.constant(False))

    # An update talks to all replicas, which TensorFlow forbids inside a condition of one of
    # them: so the condition surrounds them all.
    tf.distribute.get_replica_context().merge_call(on_all_replicas, args=(gradients, active))
