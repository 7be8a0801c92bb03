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
from mmbal.options import Configurable


class Watched(Configurable):
    """One of Keras's callbacks, with relative changes and a state that can be saved.

    Keras compares absolute differences only, and keeps their sign in an attribute that
    changes as it trains; so it is given another comparison.
    """

    options: MonitorOptions
    monitor: str

    def __init__(self, options: MonitorOptions | None = None, /, **settings: Any) -> None:
        super().__init__(options, **settings)
        for name, value in self.options:  # called as in Keras
            setattr(self, name, value)
        accuracy = self.monitor.partition("/")[0].endswith("accuracy")
        mode = self.options.mode
        self.mode = ("max" if accuracy else "min") if mode == "auto" else mode
        self.min_delta = 0  # `is_better` has it

    def is_better(self, value: float, best: float) -> bool:
        """Return whether `value` is better than `best` by the smallest change that counts."""
        if math.isinf(best):  # what some versions of Keras begin with
            return value < best if self.mode == "min" else value > best
        gain = best - value if self.mode == "min" else value - best
        return gain > self.options.min_delta + self.options.relative * abs(best)

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        super().on_train_begin(logs)  # type: ignore[misc]
        self.monitor_op = self.is_better

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Act if it is time.

        Raises:
            MmbalError: there is no such number to monitor.
        """
        _find(self.monitor, logs)
        super().on_epoch_end(epoch, logs)  # type: ignore[misc]


class ReduceLROnPlateau(Watched, keras.callbacks.ReduceLROnPlateau):
    """Reduces the learning rate, which is the optimizer's to save."""

    options: PlateauOptions


class EarlyStopping(Watched, keras.callbacks.EarlyStopping):
    """Ends training; it puts no weights back: `select` says which epoch's a run tests."""

    options: EarlyStoppingOptions


class StopWhenPerfect(Configurable, keras.callbacks.Callback):
    """Ends training after a number of epochs without a single error.

    Source: the authors' code of Wu et al., ICML 2022: five such epochs, not necessarily in a
    row, of the fused training accuracy.
    """

    options: PerfectOptions
    perfect = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to count."""
        self.perfect = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count the epoch and stop if there were enough.

        Raises:
            MmbalError: there is no such number to monitor.
        """
        if _find(self.options.monitor, logs) >= 1:
            self.perfect += 1
        elif self.options.consecutive:
            self.perfect = 0
        if self.perfect >= self.options.epochs:
            self.model.stop_training = True


def _find(monitor: str, logs: Mapping[str, float] | None) -> float:
    """Return a number of an epoch."""
    logs = logs or {}
    if monitor not in logs:
        raise MmbalError(unknown("number to monitor", monitor, logs))
    return float(logs[monitor])
