"""Trains the model of a run: callbacks, checkpoints, and the ways in which it can end."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mmbal.data import MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import MmbalError
from mmbal.experiment.batches import TrainingBatches, plain_batches
from mmbal.experiment.building import Run, build_model, build_network
from mmbal.experiment.checkpoints import Checkpoints, Position
from mmbal.experiment.identity import digest_of_arrays, digest_of_weights
from mmbal.experiment.observers import JournalWriter, Selection, save_weights
from mmbal.experiment.rehearsal import Rehearsals
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.state import TrainingState
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.strategies.requirements import suited
from mmbal.strategies.strategy import Requirements, Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.guard import NonFiniteError


class Fitting:
    """The training of a run, on this host's part of the devices. Nothing runs before `fit`.

    Attributes:
        origins: digests of what training began with, by name; only where there is a journal.

    Raises:
        MmbalError: a component refuses its options, or the checkpoint belongs to another model.
    """

    def __init__(
        self,
        run: Run,
        data: MultimodalDataset,
        strategy: Strategy,
        store: Generations,
        checkpoint: Checkpoint | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.run, self.data, self.store, config = run, data, store, run.config
        self.stop = StopRequest(run.progress.stage)
        needed = suited(strategy, data.modalities).requirements()
        sampler = Sampler(len(data.train), len(data.modalities)) if needed.sampler else None
        self.batches = TrainingBatches(
            data, config.batch_size, config.seed, sampler, run.replicas, ids=needed.ids
        )
        self.position = Position(self.batches)
        before = {} if checkpoint is None else checkpoint.facts
        begun_epoch = before.get("state", {}).get("begun_epoch")
        surroundings = self._surroundings(needed, sampler, begun_epoch)
        with run.replicas.scope():
            network = build_network(config, run.catalogue, data, saved=checkpoint is not None)
            self.model = build_model(config, run.catalogue, data, strategy, surroundings, network)
        self.model.prepare(self.batches.steps_per_epoch)
        self.origins = before.get("origins") or self._origins()
        self.writer: JournalWriter | None = None
        observers = self._observers()
        self.listeners = [each for each in observers.values() if hasattr(each, "scored")]
        state = TrainingState(self.model, sampler, observers)
        facts = {
            "identity": identity or {}, "replicas": run.replicas.count, "origins": self.origins
        }  # fmt: skip
        self.checkpoints = Checkpoints(run, store, state, self.position, self.stop, facts)
        self._callbacks = [self.position, *observers.values(), self.checkpoints]
        if checkpoint is not None:
            self.checkpoints.resume(checkpoint)

    @property
    def steps_per_epoch(self) -> int | None:
        """None where a strategy decides it."""
        return self.batches.steps_per_epoch

    @property
    def resumable(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.checkpoints.saved is not None

    def _origins(self) -> dict[str, str]:
        if self.run.journal is None:
            return {}
        return {
            "initial_weights": digest_of_weights(self.model.network),
            "data_order": digest_of_arrays(self.batches.order(0)),
        }

    def _surroundings(
        self, needed: Requirements, sampler: Sampler | None, begun_epoch: int | None
    ) -> Surroundings:
        """Return what only a run can offer to a strategy."""
        run, data, rehearse = self.run, self.data, None
        if needed.rehearsals:
            rehearse = partial(Rehearsals, run=run, data=data, sampler=sampler, stop=self.stop)
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
            folder=run.folder.path,
            settings=run.config.identity(),
        )

    def _observers(self) -> dict[str, Any]:
        """Return the callbacks that checkpoints hold the state of, by name."""
        run, config, network = self.run, self.run.config, self.model.network
        observers: dict[str, Any] = {
            f"callback/{choice.name}": run.catalogue.build("callback", choice.name, choice.options)
            for choice in config.callbacks
        }
        if run.journal is not None:
            selection = Selection(network, config.select, run.folder.weights)
            self.writer = JournalWriter(
                self.model, run.journal, run.progress, self.position, selection, config.log_every
            )
            observers |= {"selection": selection, "journal": self.writer}
        return observers

    def fit(self) -> None:
        """Train to the end.

        Raises:
            StopTraining: it was asked to stop; a checkpoint is safe.
            MmbalError: a step was not finite.
        """
        run = self.run
        run.progress.started(run.config.epochs, self.batches.steps_per_epoch)
        try:
            with self.stop.hearing(), telling_bad_examples():
                self._fit()
        except NonFiniteError as error:
            raise self._located(error) from error
        finally:
            # Here and not when the run stops: while it is scored, other weights may be loaded.
            if run.replicas.is_chief:
                save_weights(self.model.network, run.folder.last_weights)

    def _fit(self) -> None:
        config = self.run.config
        validation = plain_batches(self.data.validation, config.batch_size, self.run.replicas)
        try:
            self.model.fit(
                self.batches.dataset,
                validation_data=validation,
                initial_epoch=self.position.epoch,
                epochs=config.epochs,
                callbacks=self._callbacks,
                verbose=0,
                shuffle=False,
            )
        except StopTraining:
            self.checkpoints.save()  # where it was a rehearsal that was stopped: it has undone all
            raise

    def _note(self, name: str, values: Mapping[str, float]) -> None:
        """Tell what the strategy found out: once on the screen, once in the journal."""
        summary = ", ".join(f"{what} {value:.4g}" for what, value in values.items())
        self.run.progress.stage(f"{name}: {summary}")
        if self.run.journal is not None:
            for what, value in values.items():
                self.run.journal.write(
                    {"event": "array", "name": f"{name}/{what}", "values": [float(value)]}
                )

    def _located(self, error: NonFiniteError) -> MmbalError:
        """Say in which epoch and batch, and on which examples, a faulty step was."""
        if self.writer is not None:
            self.writer.flush(before=error.step)
        epoch, batch = self.position.epoch, error.step - self.position.steps + self.position.step
        where = f"step {error.step}"
        if batch >= 0:
            rows = self.batches.rows(epoch, batch).tolist()
            shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
            where += f" (epoch {epoch + 1}, batch {batch + 1}, training examples {shown})"
        return MmbalError(
            f"{error.what} became NaN or infinite in {where}; the weights of the step before are "
            "kept: lower the learning rate, look at these examples, or set on_nonfinite=skip"
        )
