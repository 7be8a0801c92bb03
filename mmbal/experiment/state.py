"""All that a training holds between two steps, as arrays and plain facts."""

import random
from collections.abc import Mapping
from typing import Any, Protocol

import keras
import numpy as np

from mmbal.errors import MmbalError
from mmbal.experiment.sampler import Sampler
from mmbal.training.model import BalancedModel

METRICS = "metrics/"
PLAIN = (bool, int, float, str, type(None))
# Keras turns the sign of this setting in every process, once it knows which way is better.
TURNED = "min_delta"


class Resumable(Protocol):
    """Something on the host whose state belongs to a checkpoint."""

    def state(self) -> dict[str, Any]:
        """Return it as JSON holds it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""


class CallbackState:
    """The state of a plugin's Keras callback: its own `state`/`restore`, else its plain values.

    Keras callbacks count in plain attributes (`wait`, `best`), which is what is kept.
    """

    def __init__(self, callback: Any) -> None:
        self._callback = callback

    def state(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        if hasattr(self._callback, "state"):
            own: dict[str, Any] = self._callback.state()
            return own
        values = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in vars(self._callback).items()
        }
        plain = {name: value for name, value in values.items() if isinstance(value, PLAIN)}
        plain.pop(TURNED, None)
        return plain

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        if hasattr(self._callback, "restore"):
            self._callback.restore(state)
        else:
            vars(self._callback).update(state)


class TrainingState:
    """Reads and writes the state of a training.

    Args:
        model: prepared, so that all its variables exist.
        sampler: of the run, or None.
        hosts: name to what lives on the host.
    """

    def __init__(
        self, model: BalancedModel, sampler: Sampler | None, hosts: Mapping[str, Resumable]
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._hosts = hosts
        self._variables = _variables(model)
        self._read = model.replicas.compiled(self._values)

    def capture(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays by name and facts; the replicas agree, so one speaks for all."""
        arrays = {name: value.numpy() for name, value in self._read().items()}
        if self._sampler is not None:
            arrays |= {f"sampler/{name}": v for name, v in self._sampler.state().items()}
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002  (plugins may draw from it)
        arrays["numpy_random"] = np.asarray(keys)
        facts = {
            "hosts": {name: host.state() for name, host in self._hosts.items()},
            "begun_epoch": self._model.begun_epoch,
            "numpy_random": [kind, *rest],
            "python_random": random.getstate(),
        }
        return arrays, facts

    def _values(self) -> dict[str, Any]:
        return {name: _value(variable) for name, variable in self._variables.items()}

    def restore(self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """Set everything but the metrics and the begun epoch to what `capture` returned.

        Raises:
            MmbalError: it belongs to a model with other variables.
        """
        self._refuse_misfit(arrays)
        with self._model.replicas.scope():
            for name, variable in self._variables.items():
                if not name.startswith(METRICS):
                    variable.assign(arrays[name])
        if self._sampler is not None:
            self._sampler.restore({key: arrays[f"sampler/{key}"] for key in ("ids", "keep")})
        self.restore_hosts(facts)
        kind, *rest = facts["numpy_random"]
        np.random.set_state((kind, arrays["numpy_random"], *rest))  # noqa: NPY002
        version, numbers, gauss = facts["python_random"]
        random.setstate((version, tuple(numbers), gauss))

    def restore_hosts(self, facts: Mapping[str, Any]) -> None:
        """Set what lives on the host."""
        for name, host in self._hosts.items():
            host.restore(facts["hosts"][name])

    def restore_metrics(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the metrics, which an epoch that goes on does not begin anew."""
        metrics = {k: v for k, v in self._variables.items() if k.startswith(METRICS)}
        replicas = self._model.replicas
        with replicas.scope():
            # From outside, TensorFlow would share the values out over the replicas.
            replicas.run(lambda: [v.assign(arrays[name]) for name, v in metrics.items()])

    def _refuse_misfit(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, variable in self._variables.items():
            if name not in arrays or arrays[name].shape != tuple(variable.shape):
                raise MmbalError(f"the checkpoint does not fit this model: no such {name}")


def _variables(model: BalancedModel) -> dict[str, Any]:
    """Return every variable that training moves, by a name that stays the same."""
    modules: dict[str, Any] = {
        "speed": model.learner.learning_speed,
        "trace": model.trace,
        "guard": model.learner.guard,
        "strategy": model.strategy,
        "loss_scale": model.learner.loss_scale,
    }
    lists = {
        "network": model.network.variables,  # with the states of its random generators
        "optimizer": model.optimizer.variables,
        "strategy_trained": model.strategy.trained_variables(),
        "metrics": [v for metric in model.own_metrics for v in metric.variables],
        **{name: module.variables for name, module in modules.items() if module is not None},
    }
    return {
        f"{kind}/{index}": variable
        for kind, variables in lists.items()
        for index, variable in enumerate(variables)
    }


def _value(variable: Any) -> Any:
    """Return a replica's own value; a metric read from outside would be summed over all."""
    inner = variable.value if isinstance(variable, keras.Variable) else variable
    return inner.read_value()
