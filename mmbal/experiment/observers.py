"""What watches a training: the journal, the progress display, the choice of weights."""

import math
import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.errors import attempting
from mmbal.progress import Progress
from mmbal.records.journal import Journal
from mmbal.training.model import BalancedModel
from mmbal.training.trace import Steps

OVERHEAD = 4096
"""Bytes that HDF5 takes per variable and layer beside the values, and as much again."""
RESTORED = ("epoch", "steps", "_in_epoch", "_flushed", "_seconds", "speeds", "imbalance")


class Selection(keras.callbacks.Callback):
    """Saves the weights of the best epoch so far; of equal epochs the latest.

    Args:
        network: whose weights are saved.
        rule: "accuracy" (validation, highest), "loss" (validation, lowest) or "last".
        path: of the file of weights.
    """

    def __init__(self, network: keras.Model, rule: str, path: Path) -> None:
        super().__init__()
        self._network = network
        self._rule = rule
        self._path = path
        self._best = -np.inf
        self.epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare and save."""
        logs = logs or {}
        value = {
            "accuracy": logs.get("val_accuracy", -np.inf),
            "loss": -logs.get("val_loss", np.inf),
            "last": epoch,
        }[self._rule]
        if value >= self._best:
            self._best, self.epoch = value, epoch
            save_weights(self._network, self._path)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"best": float(self._best), "epoch": self.epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._best, self.epoch = state["best"], state["epoch"]


class JournalWriter(keras.callbacks.Callback):
    """Writes every step and epoch into the journal and tells the progress display.

    Args:
        model: whose trace is read, once per `log_every` steps.
        journal: to write to.
        progress: to tell.
        selection: runs before this callback and says which epoch is selected.
        log_every: steps per line.
    """

    def __init__(
        self,
        model: BalancedModel,
        journal: Journal,
        progress: Progress,
        selection: Selection,
        log_every: int,
    ) -> None:
        super().__init__()
        self._balanced = model
        self._journal = journal
        self._progress = progress
        self._selection = selection
        self._log_every = log_every
        self.epoch = -1
        self._modalities = model.network.modalities
        self.rebalancing: Counter[str] = Counter(dict.fromkeys(self._modalities, 0))
        self._before = self.rebalancing.copy()
        self.steps = 0
        self._in_epoch = self._skipped = self._flushed = 0
        self._seconds = 0.0
        self.speeds: dict[str, float] = {m: float("nan") for m in self._modalities}
        self.imbalance = float("nan")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock and the count of the epoch's re-balancing steps."""
        self._started = time.monotonic() - self._seconds
        self._skipped = self._in_epoch
        if epoch == self.epoch:  # resumed inside
            return
        self.epoch = epoch
        self._before = self.rebalancing.copy()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write a line when enough steps have come together."""
        self._in_epoch = self._skipped + batch + 1
        self._seconds = time.monotonic() - self._started
        self._progress.stepped(self.epoch + 1, self._in_epoch, (logs or {}).get("loss"))
        if self._in_epoch - self._flushed >= self._log_every:
            self.flush()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the rest of the steps and the epoch."""
        self.flush()
        train, validation = _split(logs or {})
        self._journal.write(
            {
                "event": "epoch",
                "epoch": epoch,
                "step": self.steps,
                "train": train,
                "validation": validation,
                "learning_speed": self.speeds,
                "d_speed": self.imbalance,
                "rebalancing_steps": {m: n - self._before[m] for m, n in self.rebalancing.items()},
                "seconds": time.monotonic() - self._started,
                "selected": self._selection.epoch == epoch,
            }
        )
        self._in_epoch = self._flushed = 0
        self._seconds = 0.0
        told = {"loss": train["loss"], "accuracy": train["accuracy"]}
        told |= {f"val {name}": value for name, value in validation.items() if name != "loss"}
        self._progress.epoch_done(epoch + 1, told | {"d_speed": self.imbalance})

    def flush(self, before: int | None = None) -> None:
        """Write the steps that the journal does not hold yet, those before a step at most."""
        steps = self._balanced.trace.read()
        self._flushed = self._in_epoch
        if before is not None:
            steps = steps.before(before)
        if len(steps.loss):
            self._journal.write(self._line(steps))
            self._remember(steps)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it: how far it has read and written."""
        counts = {name: dict(getattr(self, name)) for name in ("rebalancing", "_before")}
        return {
            "unread": self._balanced.trace.unread,
            **{name: getattr(self, name) for name in RESTORED},
            **counts,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._balanced.trace.unread = state["unread"]
        for name in RESTORED:
            setattr(self, name, state[name])
        self.rebalancing, self._before = (Counter(state[n]) for n in ("rebalancing", "_before"))

    def _line(self, steps: Steps) -> dict[str, Any]:
        return {
            "event": "steps",
            "epoch": self.epoch,
            "first": steps.first,
            "loss": steps.loss,
            "isolated": steps.isolated,
            "learning_speed": dict(zip(self._modalities, steps.speeds.T, strict=True)),
            "d_speed": steps.imbalance,
        }

    def _remember(self, steps: Steps) -> None:
        self.steps = steps.first + len(steps.loss)
        self.rebalancing.update(
            self._modalities[index] for index in steps.isolated.tolist() if index >= 0
        )
        self.speeds = dict(zip(self._modalities, steps.speeds[-1].tolist(), strict=True))
        self.imbalance = float(steps.imbalance[-1])


def save_weights(network: keras.Model, path: Path) -> None:
    """Save the weights so that `path` holds the old or the new ones, never half of them.

    Raises:
        MmbalError: they cannot be written (such as a full disk); the old ones are untouched.
    """
    beside = path.with_name(f".{path.name}")
    with attempting(f"write {path}"):
        try:
            _reserve(beside, network)
            network.save_weights(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _reserve(path: Path, network: keras.Model) -> None:
    """Find out whether there is room for the weights before HDF5 does, which would crash."""
    variables, layers = network.variables, list(network._flatten_layers())  # noqa: SLF001
    values = sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in variables)
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS
            size = values + OVERHEAD * (len(variables) + len(layers))
            os.posix_fallocate(file.fileno(), 0, size)


def _split(logs: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return training and validation metrics; learning speeds have their own place."""
    balance = ("learning_speed/", "d_speed")
    train = {k: v for k, v in logs.items() if not k.startswith(("val_", *balance))}
    validation = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
    return train, validation
