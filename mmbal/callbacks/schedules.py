"""Keras's callbacks by name, and the one that the schedule of Wu et al. has beside them."""

import math
from collections.abc import Mapping
from typing import Any

import keras

from mmbal.callbacks.options import (
    EarlyStoppingOptions,
    MonitorOptions,
    PerfectOptions,
    PlateauOptions,
)
from mmbal.errors import MmbalError, unknown


class Watch:
    """Decides which of two values of an epoch is better.

    Keras compares absolute differences only, and keeps their sign in an attribute that
    changes as it trains; so it is given this comparison instead.

    Args:
        options: what is watched.
    """

    def __init__(self, options: MonitorOptions) -> None:
        accuracy = options.monitor.removeprefix("val_").startswith("accuracy")
        self.mode = {"auto": "max" if accuracy else "min"}.get(options.mode, options.mode)
        self._options = options

    def is_better(self, value: float, best: float) -> bool:
        """Return whether `value` is better than `best` by the smallest change that counts."""
        if math.isinf(best):  # what some versions of Keras begin with
            return value < best if self.mode == "min" else value > best
        gain = best - value if self.mode == "min" else value - best
        return gain > self._options.min_delta + self._options.relative * abs(best)


class ReduceLROnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras's callback of this name, with relative changes and a state that can be saved."""

    def __init__(self, options: PlateauOptions) -> None:
        self._watch = Watch(options)
        super().__init__(
            options.monitor,
            options.factor,
            options.patience,
            mode=self._watch.mode,
            min_delta=0,
            cooldown=options.cooldown,
            min_lr=options.min_lr,
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        super().on_train_begin(logs)
        self.monitor_op = self._watch.is_better

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reduce the learning rate if it is time.

        Raises:
            MmbalError: there is no such number to monitor.
        """
        _find(self.monitor, logs)
        super().on_epoch_end(epoch, logs)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it; the learning rate is the optimizer's."""
        return {"best": self.best, "wait": self.wait, "cooldown": self.cooldown_counter}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.best, self.wait = state["best"], state["wait"]
        self.cooldown_counter = state["cooldown"]


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's callback of this name, with relative changes and a state that can be saved.

    It puts no weights back: `select` says which epoch's weights a run tests.
    """

    def __init__(self, options: EarlyStoppingOptions) -> None:
        self._watch = Watch(options)
        super().__init__(
            options.monitor,
            min_delta=0,
            patience=options.patience,
            mode=self._watch.mode,
            baseline=options.baseline,
            start_from_epoch=options.start_from_epoch,
        )

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        super().on_train_begin(logs)
        self.monitor_op = self._watch.is_better

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop training if it is time.

        Raises:
            MmbalError: there is no such number to monitor.
        """
        _find(self.monitor, logs)
        super().on_epoch_end(epoch, logs)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {name: getattr(self, name) for name in ("best", "best_epoch", "wait")}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.wait = state["wait"]


class StopWhenPerfect(keras.callbacks.Callback):
    """Ends training after a number of epochs without a single error.

    Source: the authors' code of Wu et al., ICML 2022: five such epochs, not necessarily in a
    row, of the fused training accuracy.
    """

    def __init__(self, options: PerfectOptions) -> None:
        super().__init__()
        self._options = options
        self.perfect = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        self.perfect = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count the epoch and stop if there were enough.

        Raises:
            MmbalError: there is no such number to monitor.
        """
        if _find(self._options.monitor, logs) >= 1:
            self.perfect += 1
        elif self._options.consecutive:
            self.perfect = 0
        if self.perfect >= self._options.epochs:
            self.model.stop_training = True


def _find(monitor: str, logs: Mapping[str, float] | None) -> float:
    """Return a number of an epoch."""
    logs = logs or {}
    if monitor not in logs:
        raise MmbalError(unknown("number to monitor", monitor, logs))
    return float(logs[monitor])
