"""Trains the model of a run: callbacks, checkpoints, and the ways in which it can end."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from mmbal.config.settings import RunConfig
from mmbal.data import MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import MmbalError
from mmbal.experiment.batches import TrainingBatches, plain_batches
from mmbal.experiment.checkpoints import Checkpoints
from mmbal.experiment.observers import LAST, JournalWriter, Selection, save_weights
from mmbal.experiment.rehearsal import Trials
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.state import CallbackState, TrainingState
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.progress import Progress
from mmbal.records.checkpoint import Checkpoint
from mmbal.records.checkpoint_store import Generations
from mmbal.records.journal import Journal
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.training.epochs import FaultWatch
from mmbal.training.guard import NonFiniteError
from mmbal.training.model import BalancedModel

# What TensorFlow raises when a host that it talks to is gone.
LOST_HOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
)


@dataclass
class Training:
    """One training, on this host's part of the devices.

    Args:
        config: of the run.
        catalogue: builds plugins' callbacks.
        data: to train on.
        model: compiled.
        progress: told what happens; silent but on the chief.
        folder: of the run.
        journal: of the chief, None on other hosts.
        store: of checkpoints; written by the chief only.
        facts: what checkpoints tell beside the state.
        stop: heard while training.
    """

    config: RunConfig
    catalogue: Catalogue
    data: MultimodalDataset
    model: BalancedModel
    progress: Progress
    folder: Path
    journal: Journal | None
    store: Generations
    facts: Callable[[], Mapping[str, Any]]
    stop: StopRequest
    selection: Selection | None = field(init=False, default=None)
    writer: JournalWriter | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Build all parts; nothing runs yet."""
        config, replicas = self.config, self.model.replicas
        needed, sampler = self.model.strategy.requirements(), None
        if needed.sampler:
            sampler = Sampler(len(self.data.train), len(self.data.modalities))
            self.model.sampler = sampler
        try:
            self.model.run_facts = self._run_facts(sampler, trials=needed.trials)
            self.batches = TrainingBatches(
                self.data, config.batch_size, config.seed, sampler, replicas
            )
        except ValueError as error:
            raise MmbalError(str(error)) from error
        self.model.batches_are_shared_out = replicas.workers > 1
        self.model.prepare(self.batches.steps_per_epoch)
        self._extra = [
            self.catalogue.build("callback", choice.name, choice.options)
            for choice in config.callbacks
        ]
        hosts: dict[str, Any] = {
            f"callback/{choice.name}": CallbackState(callback)
            for choice, callback in zip(config.callbacks, self._extra, strict=True)
        }
        hosts |= self._watchers()
        self.checkpoints = Checkpoints(
            self.store if replicas.is_chief else None,
            TrainingState(self.model, sampler, hosts),
            self.facts,
            config,
            self.batches,
            self.stop,
            FaultWatch(self.model),
            replicas,
        )

    def _run_facts(self, sampler: Sampler | None, *, trials: bool) -> dict[str, Any]:
        """Return what only a run can tell a strategy, as fields of its `Context`."""
        facts: dict[str, Any] = {
            "epochs": self.config.epochs,
            "examples": self.data.train,
            "batch_size": self.config.batch_size,
            "note": self._note,
        }
        if trials:
            facts["trial"] = Trials(
                self.model, self.data, self.config, sampler, self.stop, self.progress
            )
        return facts

    def _watchers(self) -> dict[str, Any]:
        """Build what chooses weights and writes the journal, on the chief."""
        if self.journal is None:
            return {}
        self.selection = Selection(self.model.network, self.config.select, self.folder)
        self.writer = JournalWriter(
            self.model, self.journal, self.progress, self.selection, self.config.log_every
        )
        return {"selection": self.selection, "journal": self.writer}

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.checkpoints.resume(checkpoint)

    def run(self) -> None:
        """Train to the end.

        Raises:
            StopTraining: it was asked to stop; a checkpoint is safe.
            MmbalError: a host was lost, or a step was not finite.
        """
        config, replicas = self.config, self.model.replicas
        self.progress.started(config.epochs, self.batches.steps_per_epoch)
        watching = [each for each in (self.selection, self.writer) if each is not None]
        validation = plain_batches(self.data.validation, config.batch_size, replicas)
        try:
            with (
                self.stop,
                naming_a_lost_host(replicas),
                telling_bad_examples(),
                self._safe_when_stopped(),
            ):
                self.model.fit(
                    self.batches.dataset,
                    validation_data=validation,
                    initial_epoch=self.checkpoints.position.epoch,
                    epochs=config.epochs,
                    callbacks=[*self._extra, *watching, self.checkpoints],
                    verbose=0,
                    shuffle=False,
                )
        except NonFiniteError as error:
            raise self._located(error) from error
        finally:
            # Here and not when the run stops: while it is scored, other weights may be loaded.
            if replicas.is_chief:
                save_weights(self.model.network, self.folder / LAST)

    @contextmanager
    def _safe_when_stopped(self) -> Iterator[None]:
        """Save a checkpoint where it was a trial that was stopped: it has undone all."""
        try:
            yield
        except StopTraining:
            self.checkpoints.save()
            raise

    def _note(self, name: str, values: Mapping[str, float]) -> None:
        """Tell what the strategy found out: once on the screen, once in the journal."""
        told = ", ".join(f"{what} {value:.4g}" for what, value in values.items())
        self.progress.stage(f"{name}: {told}")
        if self.journal is not None:
            for what, value in values.items():
                self.journal.write(
                    {"event": "array", "name": f"{name}/{what}", "values": [float(value)]}
                )

    def _located(self, error: NonFiniteError) -> MmbalError:
        """Say in which epoch and batch, and on which examples, a faulty step was."""
        if self.writer is not None:
            self.writer.flush(before=error.step)
        epoch, first = self.checkpoints.position.epoch, self.checkpoints.epoch_began_at
        where = f"step {error.step}"
        if error.step >= first:
            batch = error.step - first
            rows = self.batches.rows(epoch, batch).tolist()
            shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
            where += f" (epoch {epoch + 1}, batch {batch + 1}, training examples {shown})"
        return MmbalError(
            f"{error.what} became NaN or infinite in {where}; the weights of the step before are "
            "kept: lower the learning rate, look at these examples, or set on_nonfinite=skip"
        )


@contextmanager
def naming_a_lost_host(replicas: Replicas) -> Iterator[None]:
    """Turn what TensorFlow raises when another host is gone into one line.

    Raises:
        MmbalError: another host is gone.
    """
    try:
        yield
    except LOST_HOST as error:
        if replicas.workers == 1:
            raise
        raise MmbalError(
            f"worker {replicas.worker} of {replicas.workers} lost another one: "
            f"{_reason(error)}; start all workers again with --resume"
        ) from error


def _reason(error: tf.errors.OpError) -> str:
    """Return the line of TensorFlow's message that tells what happened, without its stacks."""
    cause = re.search(r"aborted by: (.+)", error.message)
    return cause[1] if cause else error.message.strip().splitlines()[0]
