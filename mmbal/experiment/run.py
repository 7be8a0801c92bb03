"""One run from configuration to record."""

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tensorflow as tf

from mmbal.config.provenance import provenance
from mmbal.config.resolution import Resolved
from mmbal.config.settings import RunConfig
from mmbal.config.writing import to_toml
from mmbal.data import MultimodalDataset
from mmbal.errors import Interrupted, MmbalError, Preempted
from mmbal.experiment.checkpoints import FOLDER
from mmbal.experiment.evaluate import load_weights
from mmbal.experiment.identity import identity, refuse_other
from mmbal.experiment.model import build_model, build_strategy, open_dataset
from mmbal.experiment.observers import SELECTED, JournalWriter, Selection
from mmbal.experiment.scoring import Scorer, result
from mmbal.experiment.stopping import INTERRUPT, PREEMPTED, StopRequest, StopTraining
from mmbal.experiment.training import Training, naming_a_lost_host
from mmbal.experiment.warning_log import Warned
from mmbal.files.atomic import replace_file
from mmbal.progress import Progress, SilentProgress
from mmbal.records.checkpoint import Checkpoint
from mmbal.records.checkpoint_store import Generations
from mmbal.records.journal import Journal, read_journal
from mmbal.records.run_folder import open_run
from mmbal.records.writer import CONFIG, JOURNAL, consolidate
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.sums import Replicas
from mmbal.training.model import BalancedModel


def run(
    resolved: Resolved,
    catalogue: Catalogue,
    folder: Path,
    progress: Progress | None = None,
    *,
    resume: bool = False,
) -> dict[str, Any]:
    """Train, select on validation, score on test once, write the record.

    Args:
        resolved: the configuration and where its values come from.
        catalogue: builds the components.
        folder: of the record, absent or empty unless resumed; on several hosts the same one.
        progress: told what happens.
        resume: go on from the newest checkpoint in `folder`, or begin where there is none.

    Returns:
        What `mmbal run --json` prints; on hosts other than the chief, nothing.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the record is readable and holds everything up to there.
        MmbalError: the data, a plugin or the folder do not allow the run, or it is another
            run that is to be resumed.
    """
    config = resolved.config
    if resume and (finished := _finished(folder)) is not None:
        return finished
    progress = progress or SilentProgress()
    replicas = _start_devices(config, progress)
    progress = progress if replicas.is_chief else SilentProgress()
    build_strategy(config, catalogue)  # what it refuses is told before any data are read
    heard = Warned(progress)
    with heard.catching() if replicas.is_chief else nullcontext():
        return _run(resolved, catalogue, folder, progress, replicas, heard, resume=resume)


def _run(
    resolved: Resolved,
    catalogue: Catalogue,
    folder: Path,
    progress: Progress,
    replicas: Replicas,
    heard: Warned,
    *,
    resume: bool,
) -> dict[str, Any]:
    """Load the data, build the model and run, from the newest checkpoint if there is one."""
    config = resolved.config
    progress.stage("loading the dataset")
    data = open_dataset(catalogue, config.dataset).load(config.data_dir, config.seed)
    table = provenance(catalogue, config, data.fingerprint)
    who, store = identity(config, table), Generations(folder / FOLDER)
    checkpoint = store.newest(progress.warn) if resume else None
    if checkpoint is not None:
        refuse_other(checkpoint.facts["identity"], who, folder)
    _agree_on_start(replicas, checkpoint)
    with replicas.scope():
        model = build_model(config, catalogue, data, saved=checkpoint is not None)
    parts = (config, catalogue, folder, progress, data, model, store, who, heard)
    if not replicas.is_chief:
        return _Experiment(*parts, None).run(checkpoint)
    _open_folder(folder, to_toml(config, resolved.origins, table), resume=resume)
    with Journal(folder / JOURNAL) as journal:
        return _Experiment(*parts, journal).run(checkpoint)


@dataclass
class _Experiment:
    """The parts of one run."""

    config: RunConfig
    catalogue: Catalogue
    folder: Path
    progress: Progress
    data: MultimodalDataset
    model: BalancedModel
    store: Generations
    identity: dict[str, Any]
    heard: Warned
    journal: Journal | None

    def run(self, checkpoint: Checkpoint | None) -> dict[str, Any]:
        """Train and score; stopped at any moment, it leaves a readable record."""
        facts = {} if checkpoint is None else checkpoint.facts
        self._started = time.monotonic() - facts.get("seconds", 0.0)
        stop = StopRequest(self.progress.stage)
        training = Training(
            self.config, self.catalogue, self.data, self.model, self.progress, self.folder,
            self.journal, self.store, self._facts, stop,
        )  # fmt: skip
        if checkpoint is not None:
            self._note_replicas(facts["replicas"])
            training.resume(checkpoint)
        if self.journal is not None:
            resumed = {} if checkpoint is None else {"resumed_at": checkpoint.step}
            self.journal.write(self._start(training) | resumed)
            self.heard.write_to(self.journal)
        try:
            training.run()
            found = self._finish(training)
        except (KeyboardInterrupt, StopTraining):
            raise self._stopped(training, stop.reason or INTERRUPT) from None
        except MmbalError as error:
            with suppress(MmbalError):  # a full disk does not take the note either
                self._note_stop(training, str(error))
            raise
        if self.journal is not None:  # all is told: what fails from here on is no stop
            consolidate(self.folder)
            self.store.clear()
        with naming_a_lost_host(self.model.replicas):
            self.model.replicas.agree(0)
        return found

    def _finish(self, training: Training) -> dict[str, Any]:
        """Score and tell the end."""
        found: dict[str, Any] = {}
        writer, selection, journal = training.writer, training.selection, self.journal
        if writer is not None and selection is not None and journal is not None:
            with self.model.replicas.scope():
                measured = self._score(journal, selection, writer)
            measured["seconds"] = seconds = time.monotonic() - self._started
            found = result(self.config, self.folder, measured, self.model.network.modalities)
            journal.write({"event": "end", "seconds": seconds, "result": found})
        return found

    def _facts(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "seconds": time.monotonic() - self._started,
            "replicas": self.model.replicas.count,
        }

    def _note_replicas(self, before: int) -> None:
        now = self.model.replicas.count
        if now != before:
            self.progress.warn(
                f"the run goes on with {now} replicas instead of {before}: its numbers are equal "
                "up to rounding, not bit for bit"
            )

    def _start(self, training: Training) -> dict[str, Any]:
        config = self.config
        return {
            "event": "start",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "schema": 1,
            "recipe": config.recipe,
            "dataset": config.dataset.name,
            "architecture": config.architecture.name,
            "strategy": config.strategy.name,
            "seed": config.seed,
            "epochs": config.epochs,
            "batch_size": config.batch_size,
            "steps_per_epoch": training.batches.steps_per_epoch,
            "modalities": list(self.data.modalities),
            "classes": list(self.data.class_names),
            "fingerprint": self.data.fingerprint,
            "notes": dict(self.data.notes),
            "replicas": self.model.replicas.count,
            "jit_compile": bool(self.model.jit_compile),
        }

    def _score(
        self, journal: Journal, selection: Selection, writer: JournalWriter
    ) -> dict[str, Any]:
        """Score last and selected weights; this is the only place that reads the test split."""
        network = self.model.network
        scorer = Scorer(self.config, self.catalogue, self.data, network)
        self.progress.stage("scoring the last weights")
        last, means = scorer.score("validation", "test")
        selected = last
        if selection.epoch not in (None, writer.epoch):
            self.progress.stage("scoring the selected weights")
            load_weights(network, self.folder / SELECTED)
            selected, means = scorer.score("validation", "test")
        for weights, scores in (("selected", selected), ("last", last)):
            for split, values in scores.items():
                journal.write(
                    {"event": "scores", "split": split, "weights": weights, "values": values}
                )
        for name, mean in means.items():
            journal.write({"event": "array", "name": name, "values": mean})
        return {
            "selected": selected,
            "last": last,
            "steps": writer.steps,
            "selected_epoch": selection.epoch,
            "learning_speed": writer.speeds,
            "d_speed": writer.imbalance,
            "rebalancing_steps": dict(writer.rebalancing),
        }

    def _stopped(self, training: Training, reason: str) -> Interrupted:
        self._note_stop(training, reason)
        saved = training.checkpoints
        done = saved if training.writer is None else training.writer
        kind = Preempted if reason == PREEMPTED else Interrupted
        return kind(
            self.folder, f"stopped after {done.steps} steps", resumable=saved.saved is not None
        )

    def _note_stop(self, training: Training, reason: str) -> None:
        if self.journal is None or training.writer is None:
            return
        training.writer.flush()
        step = training.writer.steps
        self.journal.write({"event": "stop", "reason": reason, "step": step})
        consolidate(self.folder)


def _start_devices(config: RunConfig, progress: Progress) -> Replicas:
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = open_strategy(
        config.distribute, config.logical_devices, config.worker_wait, progress.stage
    )
    return Replicas(strategy)


def _finished(folder: Path) -> dict[str, Any] | None:
    """Return the result of a run that has come to its end, and put its folder in order."""
    journal = folder / JOURNAL
    if not journal.is_file():
        return None
    ends = [event["result"] for event in read_journal(journal) if event["event"] == "end"]
    if not ends:
        return None
    open_run(folder)  # the disk may have been too full for the record
    Generations(folder / FOLDER).clear()
    return dict(ends[-1])


def _agree_on_start(replicas: Replicas, checkpoint: Checkpoint | None) -> None:
    step = -1 if checkpoint is None else checkpoint.step
    with replicas.scope():
        if not replicas.agree(step):
            found = "no checkpoint" if step < 0 else f"the checkpoint of step {step}"
            raise MmbalError(
                f"worker {replicas.worker} found {found}, others another one: all workers need "
                "the same --out folder, on a shared file system"
            )


def _open_folder(folder: Path, config: str, *, resume: bool) -> None:
    """Create the folder of a run with its configuration; a resumed one keeps its own."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MmbalError(f"cannot write into {folder}: {error.strerror}") from error
    if not (resume and (folder / CONFIG).is_file()):
        replace_file(folder / CONFIG, config.encode())
