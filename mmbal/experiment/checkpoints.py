"""Saves the state of a training now and then, and when it is told to stop."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras

from mmbal.config.settings import RunConfig
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.state import TrainingState
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.replicas.sums import Replicas
from mmbal.training.epochs import FaultWatch


@dataclass(frozen=True)
class Position:
    """How far a training has come.

    Args:
        epoch: the one in progress, from 0; the number of epochs when all are done.
        step: steps of it that are done.
    """

    epoch: int = 0
    step: int = 0


class Checkpoints(keras.callbacks.Callback):
    """Keeps the position of a training, saves its state, and heeds requests to stop.

    To be the last of the callbacks, so that the others have taken the step in.

    Args:
        store: of the chief; None on other hosts, which hold the same state.
        state: what to save.
        facts: what every checkpoint tells beside it, asked for at every save.
        config: says how often.
        batches: of the training.
        stop: is looked at after every step.
        faults: is asked first, so that no faulty state is saved.
        replicas: the hosts stop together.
    """

    def __init__(
        self,
        store: Generations | None,
        state: TrainingState,
        facts: Callable[[], Mapping[str, Any]],
        config: RunConfig,
        batches: TrainingBatches,
        stop: StopRequest,
        faults: FaultWatch,
        replicas: Replicas,
    ) -> None:
        super().__init__()
        self._store = store
        self._state = state
        self._facts = facts
        self._config = config
        self._batches = batches
        self._stop = stop
        self._faults = faults
        self._replicas = replicas
        self._begun_at = self.position = Position()
        self._arrays: Mapping[str, Any] = {}
        self._resumed: Mapping[str, Any] | None = None
        self.steps = self._saved_steps = 0
        self._saved_time = time.monotonic()
        self.saved: int | None = None
        self.epoch_began_at = 0

    def resume(self, checkpoint: Checkpoint) -> None:
        """Set everything to a checkpoint; training goes on from its position."""
        self._state.restore(checkpoint.arrays, checkpoint.facts["state"])
        self._resumed = checkpoint.facts["state"]
        self._begun_at = self.position = Position(**checkpoint.facts["position"])
        self._arrays = checkpoint.arrays
        self.steps = self._saved_steps = self.saved = checkpoint.step

    def on_train_begin(self, logs: Any = None) -> None:
        """Set the callbacks once more: Keras's own forget all when a training begins."""
        if self._resumed is not None:
            self._state.restore_hosts(self._resumed)
        self._resumed = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the data where the epoch goes on."""
        begins_inside = epoch == self._begun_at.epoch and self._begun_at.step > 0
        self._first = self._begun_at.step if begins_inside else 0
        self._batches.start(epoch, self._first)
        self.position = Position(epoch, self._first)
        self.epoch_began_at = self.steps - self._first
        if begins_inside:
            self._state.restore_metrics(self._arrays)
        self._arrays = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save if it is time; stop if somebody asked for it."""
        done = self._first + batch + 1
        self.steps += done - self.position.step
        self.position = Position(self.position.epoch, done)
        if done == self._batches.length:
            return  # the epoch's validation belongs to it
        self._heed()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do so between two epochs, and when the last one is over."""
        epochs = self._config.epochs
        is_last = self.model.stop_training or epoch + 1 == epochs
        self.position = Position(epochs if is_last else epoch + 1)
        if is_last:
            self.save()
        self._heed()

    def save(self) -> None:
        """Write a checkpoint of the present position, once."""
        self._faults.look()
        if self.saved == self.steps:
            return
        if self._store is not None:
            arrays, state = self._state.capture()
            facts = {**self._facts(), "position": asdict(self.position), "state": state}
            self._store.save(Checkpoint(self.steps, arrays, facts))
        self.saved = self._saved_steps = self.steps
        self._saved_time = time.monotonic()

    def _heed(self) -> None:
        stops = self._asked_to_stop()
        if stops or self._is_due():
            self.save()
        if stops:
            raise StopTraining

    def _asked_to_stop(self) -> bool:
        # All hosts must leave after the same step, and asking them takes a moment.
        among_others = self._replicas.workers > 1 and self.position.step != 0
        if among_others and self.steps % self._config.log_every != 0:
            return False
        return self._stop.asked(self._replicas)

    def _is_due(self) -> bool:
        every, minutes = self._config.checkpoint_steps, self._config.checkpoint_minutes
        by_steps = every is not None and self.steps - self._saved_steps >= every
        waited = time.monotonic() - self._saved_time
        return by_steps or (minutes > 0 and waited >= minutes * 60)
