"""What Keras users know beside `fit`: it works as they know it, or is refused in words."""

import warnings
from collections.abc import Callable, Mapping
from itertools import chain
from types import GeneratorType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import callbacks as known

from mmbal.errors import ContractError, RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.networks.shapes import build_from
from mmbal.replicas.model import ReplicatedModel
from mmbal.strategies.context import Context
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.epochs import FaultWatch, StrategyEpochs
from mmbal.training.labels import comparable, fault_of, refuse_labels
from mmbal.training.learner import Learner
from mmbal.training.metrics import OwnMetrics
from mmbal.training.trace import StepTrace

WHOLE = (
    "a BalancedModel is not saved whole, nor exported: save_weights('NAME.weights.h5'), and "
    "ModelCheckpoint with save_weights_only=True, keep the weights and the state of the training"
)
BEGUN = "begun_epoch"


class KerasSurface(ReplicatedModel):
    """Trains and tests on single batches, and keeps the state of a training in files of weights."""

    network: FusionNetwork
    strategy: Strategy
    context: Context | None
    learner: Learner
    trace: StepTrace
    faults: FaultWatch
    prepare: Any
    optimizer: Any
    _epochs: StrategyEpochs
    _own: OwnMetrics
    compared: bool

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **options: Any) -> Any:
        """Evaluate as `keras.Model.evaluate` does.

        Raises:
            ContractError: "accuracy" was asked for, which needs labels of another kind.
        """
        if self.network.built:
            self._look_at(x, y)
        return super().evaluate(x, y, *args, **options)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **options: Any) -> Any:
        """Train on one batch as `keras.Model.train_on_batch` does.

        Raises:
            NonFiniteError: as in `fit`.
            RequirementError: the strategy counts epochs, or needs what `fit` alone offers.
            ContractError: "accuracy" was asked for, which needs labels of another kind.
        """
        self._assert_compile_called("train_on_batch")
        kind = type(self.strategy)
        if (kind.begin_epoch, kind.end_epoch) != (Strategy.begin_epoch, Strategy.end_epoch):
            raise RequirementError(
                f"strategy {kind.__name__} counts epochs, which train_on_batch does not know: use "
                "fit, of which steps_per_epoch=1 is one batch"
            )
        with self.replicas.scope():
            build_from(self.network, x)
            self.built = True
            self._look_at(x, y, self.strategy)
            self.prepare()
            logs = super().train_on_batch(x, y, *args, **options)
        self.faults.look()
        return logs

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **options: Any) -> Any:
        """Evaluate one batch as `keras.Model.test_on_batch` does.

        Raises:
            ContractError: "accuracy" was asked for, which needs labels of another kind.
        """
        with self.replicas.scope():
            build_from(self.network, x)
            self._look_at(x, y)
            return super().test_on_batch(x, y, *args, **options)

    def _look_at(self, x: Any, y: Any, strategy: Strategy | None = None) -> None:
        """Refuse labels that would be misread."""
        if self.compiled and self.network.classes is not None:
            fault = fault_of(x, y, self.network.classes)
            refuse_labels(fault, strategy, compared=self.compared)
            self._own.compares = comparable(fault)

    def moved_variables(self) -> dict[str, list[Any]]:
        """Return what training moves beside network, optimizer and metrics; it is prepared."""
        holders: dict[str, Any] = {
            "speed": self.learner.learning_speed,
            "trace": self.trace,
            "guard": self.learner.guard,
            "strategy": self.strategy,
            "loss_scale": self.learner.loss_scale,
        }
        lists = {
            kind: list(holder.variables) for kind, holder in holders.items() if holder is not None
        }
        return {**lists, "strategy_trained": list(self.strategy.trained_variables())}

    def _state(self) -> dict[str, Any]:
        if self.context is None:
            return {}
        lists = self.moved_variables().items()
        return {f"{kind}_{i}": v for kind, values in lists for i, v in enumerate(values)}

    def save_own_variables(self, store: Any) -> None:
        """Write the state of the training, if one has begun; called by Keras."""
        state = self._state()
        read = self.replicas.run(lambda: tf.nest.map_structure(tf.convert_to_tensor, state))
        for name, value in read.items():
            store[name] = value.numpy()
        if self._epochs.begun is not None:
            store[BEGUN] = np.asarray(self._epochs.begun)

    def load_own_variables(self, store: Any) -> None:
        """Read the state of the training, if one has begun here; called by Keras."""
        state = self._state()
        saved = {name: np.asarray(store[name]) for name in store.keys()}  # noqa: SIM118
        if not state or not saved:
            return
        begun = saved.pop(BEGUN, None)
        shapes = {name: value.shape for name, value in saved.items()}
        if shapes != {name: tuple(variable.shape) for name, variable in state.items()}:
            warnings.warn("only weights are loaded: the training was another one", stacklevel=2)
            return
        with self.replicas.scope():
            for name, variable in state.items():
                variable.assign(saved[name])
        self.trace.unread = min(self.trace.unread, int(self.trace.steps.numpy()))
        self._epochs.begun = None if begun is None else int(begun)

    def export(self, *_: Any, **__: Any) -> None:
        """Refuse.

        Raises:
            ContractError: always.
        """
        raise ContractError(WHOLE)

    def get_config(self) -> dict[str, Any]:
        """Refuse, for `save` and whatever makes a copy.

        Raises:
            ContractError: always.
        """
        raise ContractError(WHOLE)


def suitable_callbacks(callbacks: Any, optimizer: Any) -> list[Any]:
    """Return the callbacks of a `fit` as a list.

    Args:
        callbacks: as Keras takes them.
        optimizer: compiled.

    Raises:
        ContractError: one would fail, in the midst of training.
    """
    if isinstance(callbacks, known.CallbackList):
        callbacks = callbacks.callbacks
    flat: list[Any] = tf.nest.flatten(callbacks or [])
    rate = getattr(optimizer, "_learning_rate", None)
    scheduled = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
    for callback in flat:
        if isinstance(callback, known.ModelCheckpoint) and not callback.save_weights_only:
            raise ContractError(WHOLE)
        if scheduled and isinstance(
            callback, known.LearningRateScheduler | known.ReduceLROnPlateau
        ):
            raise ContractError(
                f"{type(callback).__name__} sets the learning rate, which a schedule sets already: "
                "give the optimizer a number"
            )
    return flat


def peeked(options: dict[str, Any]) -> tuple[Any, Any]:
    """Return `x` and `y` of a `fit` to look at; of a generator its first batch, kept for Keras."""
    x = options["x"]
    if not isinstance(x, GeneratorType):
        return x, options["y"]
    first = next(x)
    options["x"] = (batch for batch in chain([first], x))
    return keras.utils.unpack_x_y_sample_weight(first)[:2]  # type: ignore[no-any-return]


def conducted(
    model: Any, given: Mapping[str, Any], options: dict[str, Any], fit: Callable[..., Any]
) -> Any:
    """Fit; where a callback conducts that, such as `mmbal.callbacks.Record`, let it.

    Args:
        model: that is trained.
        given: arguments of its `fit`, as they were given.
        options: the same, ready for Keras.
        fit: Keras's own.
    """
    for callback in options["callbacks"]:
        if hasattr(callback, "conduct"):
            return callback.conduct(model, given, options, fit)
    return fit(**options)


def refuse_backups(callbacks: list[Any], surroundings: Surroundings) -> None:
    """Refuse `BackupAndRestore` where a training cannot go on from its files.

    Raises:
        ContractError: it is among the callbacks.
    """
    for callback in callbacks:
        if isinstance(callback, known.BackupAndRestore):
            if surroundings.open_ended:
                raise ContractError(
                    "BackupAndRestore does not keep which examples the strategy has chosen: "
                    "`mmbal run --resume` does"
                )
            if callback.save_freq != "epoch":
                raise ContractError(
                    "BackupAndRestore goes on with whole epochs: save_freq must be 'epoch', "
                    f"received {callback.save_freq}"
                )
