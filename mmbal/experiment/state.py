"""All that a training holds between two steps, as arrays and plain facts."""

import random
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from mmbal.errors import MmbalError
from mmbal.experiment.sampler import Sampler
from mmbal.strategies.context import SamplerPlan
from mmbal.training.model import BalancedModel

METRICS = "metrics/"
PLAIN = (bool, int, float, str, type(None))
# What Keras sets in every process; it turns the sign of `min_delta` as soon as it knows which way
# is better.
OF_KERAS = {"min_delta", "params"}


def callback_state(callback: Any) -> dict[str, Any]:
    """Return the state of a callback as JSON holds it: its own `state()`, else its plain values.

    Keras callbacks count in such attributes (`wait`, `best`).
    """
    if hasattr(callback, "state"):
        own: dict[str, Any] = callback.state()
        return own
    values = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if name not in OF_KERAS
    }
    return {name: value for name, value in values.items() if _is_plain(value)}


def restore_callback(callback: Any, state: Mapping[str, Any]) -> None:
    """Let a callback go on from its `callback_state`."""
    if hasattr(callback, "restore"):
        callback.restore(state)
    else:
        vars(callback).update(state)


class TrainingState:
    """Reads and writes the state of a training; the model is prepared: all its variables exist."""

    def __init__(
        self, model: BalancedModel, sampler: Sampler | None, callbacks: Mapping[str, Any]
    ) -> None:
        self._model = model
        self._sampler = sampler
        self._callbacks = callbacks
        self._variables = _variables(model)
        self._read = model.replicas.compiled(self._values)

    def capture(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays by name and facts; the replicas agree, so one speaks for all."""
        arrays = {name: value.numpy() for name, value in self._read().items()}
        if self._sampler is not None:
            arrays |= {f"sampler/{name}": value for name, value in vars(self._sampler.plan).items()}
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002  (plugins may draw from it)
        arrays["numpy_random"] = np.asarray(keys)
        facts = {
            "callbacks": {name: callback_state(each) for name, each in self._callbacks.items()},
            "begun_epoch": self._model.begun_epoch,
            "unread": self._model.trace.unread,
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
        for name, variable in self._variables.items():
            if name not in arrays or arrays[name].shape != tuple(variable.shape):
                raise MmbalError(f"the checkpoint does not fit this model: no such {name}")
        with self._model.replicas.scope():
            for name, variable in self._variables.items():
                if not name.startswith(METRICS):
                    variable.assign(arrays[name])
        self._model.trace.unread = facts["unread"]
        if self._sampler is not None:
            self._sampler.assign(SamplerPlan(arrays["sampler/ids"], arrays["sampler/keep"]))
        self.restore_callbacks(facts)
        kind, *rest = facts["numpy_random"]
        np.random.set_state((kind, arrays["numpy_random"], *rest))  # noqa: NPY002
        version, numbers, gauss = facts["python_random"]
        random.setstate((version, tuple(numbers), gauss))

    def restore_callbacks(self, facts: Mapping[str, Any]) -> None:
        """Set the callbacks alone."""
        for name, callback in self._callbacks.items():
            restore_callback(callback, facts["callbacks"][name])

    def restore_metrics(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the metrics, which an epoch that goes on does not begin anew."""
        metrics = {k: v for k, v in self._variables.items() if k.startswith(METRICS)}
        replicas = self._model.replicas
        with replicas.scope():
            # From outside, TensorFlow would share the values out over the replicas.
            replicas.run(lambda: [v.assign(arrays[name]) for name, v in metrics.items()])


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict) and value:  # an empty one may be for anything
        return all(isinstance(name, str) and _is_plain(inner) for name, inner in value.items())
    return isinstance(value, PLAIN)


def _variables(model: BalancedModel) -> dict[str, Any]:
    """Return every variable that training moves, by a name that stays the same."""
    lists = {
        "network": model.network.variables,  # with the states of its random generators
        "optimizer": model.optimizer.variables,
        **model.moved_variables(),
        "metrics": [v for metric in model.own_metrics for v in metric.variables],
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
