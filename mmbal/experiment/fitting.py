"""Trains the model of a run: callbacks, checkpoints, and the ways in which it can end."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from mmbal.config.settings import RunConfig
from mmbal.data import MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import MmbalError, first_line
from mmbal.experiment.batches import TrainingBatches, plain_batches
from mmbal.experiment.building import build_model
from mmbal.experiment.checkpoints import Checkpoints
from mmbal.experiment.observers import JournalWriter, Selection, save_weights
from mmbal.experiment.rehearsal import Rehearsals
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.state import CallbackState, TrainingState
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.progress import Progress
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.records.journal import Journal
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.strategies.requirements import suited
from mmbal.strategies.strategy import Requirements, Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.epochs import FaultWatch
from mmbal.training.guard import NonFiniteError

# What TensorFlow raises when a host that it talks to is gone.
LOST_HOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
)


@dataclass(frozen=True)
class Run:
    """What a run is before its data are read.

    Args:
        config: what to compute.
        catalogue: builds the components.
        folder: its files.
        progress: told what happens; silent but on the chief.
        replicas: train together.
    """

    config: RunConfig
    catalogue: Catalogue
    folder: RunFolder
    progress: Progress
    replicas: Replicas


class Fitting:
    """The training of a run, on this host's part of the devices. Nothing runs before `fit`.

    Args:
        run: to train for.
        data: to train on.
        strategy: to train with.
        store: of checkpoints; written by the chief only.
        journal: of the chief, None on other hosts.
        checkpoint: to go on from; None begins.
        facts: what checkpoints tell beside the state.

    Raises:
        MmbalError: a component refuses its options, or the checkpoint belongs to another model.
    """

    def __init__(
        self,
        run: Run,
        data: MultimodalDataset,
        strategy: Strategy,
        store: Generations,
        journal: Journal | None = None,
        checkpoint: Checkpoint | None = None,
        facts: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._run, self._data, self._journal = run, data, journal
        self.stop = StopRequest(run.progress.stage)
        needed = suited(strategy, data.modalities).requirements()
        sampler = Sampler(len(data.train), len(data.modalities)) if needed.sampler else None
        try:
            self.batches = TrainingBatches(
                data, run.config.batch_size, run.config.seed, sampler, run.replicas, ids=needed.ids
            )
        except ValueError as error:
            raise MmbalError(str(error)) from error
        state = {} if checkpoint is None else checkpoint.facts["state"]
        surroundings = self._surroundings(needed, sampler, state.get("begun_epoch"))
        with run.replicas.scope():
            self.model = build_model(
                run.config,
                run.catalogue,
                data,
                strategy,
                surroundings,
                saved=checkpoint is not None,
            )
        self.model.prepare(self.batches.steps_per_epoch)
        self.selection: Selection | None = None
        self.writer: JournalWriter | None = None
        hosts = self._observers()
        self.checkpoints = Checkpoints(
            store if run.replicas.is_chief else None,
            TrainingState(self.model, sampler, hosts),
            facts,
            run.config,
            self.batches,
            self.stop,
            FaultWatch(lambda: self.model.learner.guard, self.model.trace.capacity),
            run.replicas,
        )
        if checkpoint is not None:
            self.checkpoints.resume(checkpoint)

    def _surroundings(
        self, needed: Requirements, sampler: Sampler | None, begun_epoch: int | None
    ) -> Surroundings:
        """Return what only a run can offer to a strategy."""
        run, data, rehearse = self._run, self._data, None
        if needed.rehearsals:
            rehearse = partial(
                Rehearsals, data=data, config=run.config, catalogue=run.catalogue,
                sampler=sampler, stop=self.stop, progress=run.progress,
            )  # fmt: skip
        return Surroundings(
            epochs=run.config.epochs,
            batch_size=run.config.batch_size,
            examples=data.train,
            sampler=sampler,
            rehearse=rehearse,
            note=self._note,
            ids=needed.ids,
            shared_out=run.replicas.workers > 1,
            open_ended=True,
            resumed_epoch=begun_epoch,
        )

    def _observers(self) -> dict[str, Any]:
        """Build the callbacks; return those that checkpoints hold the state of, by name."""
        run, journal = self._run, self._journal
        extra = {
            choice.name: run.catalogue.build("callback", choice.name, choice.options)
            for choice in run.config.callbacks
        }
        self._callbacks = list(extra.values())
        hosts: dict[str, Any] = {f"callback/{n}": CallbackState(c) for n, c in extra.items()}
        if journal is None:
            return hosts
        self.selection = Selection(self.model.network, run.config.select, run.folder.weights)
        self.writer = JournalWriter(
            self.model, journal, run.progress, self.selection, run.config.log_every
        )
        self._callbacks += [self.selection, self.writer]
        return hosts | {"selection": self.selection, "journal": self.writer}

    def fit(self) -> None:
        """Train to the end.

        Raises:
            StopTraining: it was asked to stop; a checkpoint is safe.
            MmbalError: a host was lost, or a step was not finite.
        """
        config, replicas = self._run.config, self._run.replicas
        self._run.progress.started(config.epochs, self.batches.steps_per_epoch)
        validation = plain_batches(self._data.validation, config.batch_size, replicas)
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
                    callbacks=[*self._callbacks, self.checkpoints],
                    verbose=0,
                    shuffle=False,
                )
        except NonFiniteError as error:
            raise self._located(error) from error
        finally:
            # Here and not when the run stops: while it is scored, other weights may be loaded.
            if replicas.is_chief:
                save_weights(self.model.network, self._run.folder.last_weights)

    @contextmanager
    def _safe_when_stopped(self) -> Iterator[None]:
        """Save a checkpoint where it was a rehearsal that was stopped: it has undone all."""
        try:
            yield
        except StopTraining:
            self.checkpoints.save()
            raise

    def _note(self, name: str, values: Mapping[str, float]) -> None:
        """Tell what the strategy found out: once on the screen, once in the journal."""
        told = ", ".join(f"{what} {value:.4g}" for what, value in values.items())
        self._run.progress.stage(f"{name}: {told}")
        if self._journal is not None:
            for what, value in values.items():
                self._journal.write(
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
    return cause[1] if cause else first_line(error, typed=False)
