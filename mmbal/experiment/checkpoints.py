"""Where a training stands; saves its state now and then, and when it is told to stop."""

import time
from collections.abc import Mapping
from typing import Any

import keras

from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.building import Run
from mmbal.experiment.state import TrainingState
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.records.checkpoint import Checkpoint, Generations


class Position(keras.callbacks.Callback):
    """How far a training has come; it starts the data of every epoch where the epoch goes on.

    To be the first of the callbacks.

    Attributes:
        epoch: the one in progress, from 0; the number of epochs when all are done.
        step: steps of it that are done.
        steps: all that are done.
    """

    def __init__(self, batches: TrainingBatches | None = None) -> None:
        super().__init__()
        self._batches = batches
        self.epoch = self.step = self.steps = self._first = 0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it took, also the processes before this one."""
        return time.monotonic() - self._started

    @property
    def is_end_of_epoch(self) -> bool:
        """Whether the data of the epoch are all shown."""
        return self._batches is not None and self.step == self._batches.length

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the data, of a resumed epoch in its midst."""
        if self._batches is None:  # of which Keras shows all
            self.step = 0
        else:
            self._batches.start(epoch, self.step)
        self.epoch, self._first = epoch, self.step

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count, maybe several steps at once."""
        done = self._first + batch + 1
        self.steps += done - self.step
        self.step = done

    def state(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {name: getattr(self, name) for name in ("epoch", "step", "steps", "seconds")}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.epoch, self.step, self.steps = state["epoch"], state["step"], state["steps"]
        self._started -= state["seconds"]


class Checkpoints(keras.callbacks.Callback):
    """Saves the state of a training, and heeds requests to stop.

    To be the last of the callbacks, so that the others have taken the step in. The chief saves;
    other hosts hold the same state. The guard is asked before, so that no faulty state is saved.
    """

    def __init__(
        self,
        run: Run,
        store: Generations,
        state: TrainingState,
        position: Position,
        stop: StopRequest,
        facts: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._config, self._replicas = run.config, run.replicas
        self._store = store
        self._state = state
        self._position = position
        self._stop = stop
        self._facts = facts
        self._resumed: Checkpoint | None = None
        self._saved_time = time.monotonic()
        self.saved: int | None = None

    def resume(self, checkpoint: Checkpoint) -> None:
        """Set everything to a checkpoint; training goes on from its position."""
        self._state.restore(checkpoint.arrays, checkpoint.facts["state"])
        self._position.restore(checkpoint.facts["position"])
        self.saved, self._resumed = checkpoint.step, checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        """Set the callbacks once more: Keras's own forget all when a training begins."""
        if self._resumed is not None:
            self._state.restore_callbacks(self._resumed.facts["state"])

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the metrics of an epoch that goes on."""
        if self._resumed is not None and self._position.step > 0:
            self._state.restore_metrics(self._resumed.arrays)
        self._resumed = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save if it is time; stop if somebody asked for it."""
        if not self._position.is_end_of_epoch:  # the epoch's validation belongs to it
            self._heed()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Do so between two epochs, and when the last one is over."""
        epochs = self._config.epochs
        is_last = self.model.stop_training or epoch + 1 == epochs
        self._position.epoch, self._position.step = epochs if is_last else epoch + 1, 0
        if is_last:
            self.save()
        self._heed()

    def save(self) -> None:
        """Write a checkpoint of the present position, once."""
        self.model.faults.look()
        steps = self._position.steps
        if self.saved == steps:
            return
        if self._replicas.is_chief:
            arrays, state = self._state.capture()
            facts = {**self._facts, "position": self._position.state(), "state": state}
            self._store.save(Checkpoint(steps, arrays, facts))
        self.saved, self._saved_time = steps, time.monotonic()

    def _heed(self) -> None:
        config, position = self._config, self._position
        # All hosts must leave after the same step, and asking them takes a moment.
        all_ask = position.step == 0 or position.steps % config.log_every == 0
        stops = (self._replicas.workers == 1 or all_ask) and self._stop.asked(self._replicas)
        every, minutes = config.checkpoint_steps, config.checkpoint_minutes
        by_steps = every is not None and position.steps - (self.saved or 0) >= every
        by_time = minutes > 0 and time.monotonic() - self._saved_time >= minutes * 60
        if stops or by_steps or by_time:
            self.save()
        if stops:
            raise StopTraining
