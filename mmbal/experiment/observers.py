"""What watches a training: the journal, the progress display, the choice of weights."""

import math
import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import attempting
from mmbal.experiment.checkpoints import Position
from mmbal.progress import Progress
from mmbal.records.journal import Journal
from mmbal.training.model import BalancedModel

OVERHEAD = 4096
"""Bytes that HDF5 takes per variable and layer beside the values, and as much again."""


class Selection(keras.callbacks.Callback):
    """Saves the weights of the best epoch so far; of equal epochs the latest.

    By the highest validation accuracy, by the lowest validation loss, or simply the last.

    Attributes:
        epoch: the best one; None while there is none.
    """

    def __init__(self, network: keras.Model, rule: str, path: Path) -> None:
        super().__init__()
        self._network = network
        self._rule = rule
        self._path = path
        self._best = -math.inf
        self.epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare and save."""
        logs = logs or {}
        value = {
            "accuracy": logs.get("val_accuracy", -math.inf),
            "loss": -logs.get("val_loss", math.inf),
            "last": epoch,
        }[self._rule]
        if value >= self._best:
            self._best, self.epoch = value, epoch
            save_weights(self._network, self._path)


class JournalWriter(keras.callbacks.Callback):
    """Writes every step and epoch into the journal and tells the progress display.

    To be called after the position and the selection.

    Attributes:
        epoch: the last that has begun; -1 before the first.
        steps: those that the journal holds.
        speeds: modality to the conditional learning speed in the last of them.
        imbalance: d_speed in the last of them.
        rebalancing: modality to how many of them isolated it.
    """

    def __init__(
        self,
        model: BalancedModel,
        journal: Journal,
        progress: Progress,
        position: Position,
        selection: Selection,
        log_every: int,
    ) -> None:
        super().__init__()
        self._trace, self._modalities = model.trace, model.network.modalities
        self.journal = journal
        self._progress = progress
        self._position = position
        self.selection = selection
        self._log_every = log_every
        self.epoch, self.steps = -1, 0
        self.speeds = dict.fromkeys(self._modalities, math.nan)
        self.imbalance = math.nan
        self.rebalancing = dict.fromkeys(self._modalities, 0)
        self._rebalancing_before = self.rebalancing.copy()
        self._seconds_before = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the clock and the counts of before, unless the epoch merely goes on."""
        self.epoch = epoch
        if self._position.step == 0:
            self._seconds_before = self._position.seconds
            self._rebalancing_before = self.rebalancing.copy()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write a line when enough steps have come together."""
        self._progress.stepped(self.epoch + 1, self._position.step, (logs or {}).get("loss"))
        if self._position.steps - self._trace.unread >= self._log_every:
            self.flush()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the rest of the steps and the epoch."""
        self.flush()
        train, validation = _split(logs or {})
        before = self._rebalancing_before
        self.journal.write(
            {
                "event": "epoch",
                "epoch": epoch,
                "step": self.steps,
                "train": train,
                "validation": validation,
                "learning_speed": self.speeds,
                "d_speed": self.imbalance,
                "rebalancing_steps": {m: n - before[m] for m, n in self.rebalancing.items()},
                "seconds": self._position.seconds - self._seconds_before,
                "selected": self.selection.epoch == epoch,
            }
        )
        summary = {name: value for name, value in train.items() if name in ("loss", "accuracy")}
        summary |= {f"val {name}": value for name, value in validation.items() if name != "loss"}
        self._progress.epoch_done(epoch + 1, summary | {"d_speed": self.imbalance})

    def flush(self, before: int | None = None) -> None:
        """Write the steps that the journal does not hold yet, those before a step at most."""
        steps = self._trace.read()
        if before is not None:
            steps = steps.before(before)
        if not len(steps.loss):
            return
        self.journal.write(
            {
                "event": "steps",
                "epoch": self.epoch,
                "first": steps.first,
                "loss": steps.loss,
                "isolated": steps.isolated,
                "learning_speed": dict(zip(self._modalities, steps.speeds.T, strict=True)),
                "d_speed": steps.imbalance,
            }
        )
        self.steps = steps.first + len(steps.loss)
        for index in steps.isolated[steps.isolated >= 0]:
            self.rebalancing[self._modalities[index]] += 1
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
