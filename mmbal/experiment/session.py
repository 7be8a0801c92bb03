"""A run from loaded data to its end."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from mmbal.data import MultimodalDataset
from mmbal.errors import Interrupted, MmbalError, Preempted
from mmbal.experiment.digests import data_facts, digest_of_arrays, digest_of_weights
from mmbal.experiment.fitting import Fitting, Run, naming_a_lost_host
from mmbal.experiment.observers import JournalWriter, Selection
from mmbal.experiment.rescoring import load_weights
from mmbal.experiment.scoring import Scorer, result
from mmbal.experiment.stopping import INTERRUPT, PREEMPTED, StopTraining
from mmbal.experiment.warning_log import Warned
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.records.journal import Journal
from mmbal.strategies.strategy import Strategy


class Session:
    """A run from loaded data to its end; it writes all that the journal holds.

    Args:
        run: what to do.
        data: to train on.
        strategy: to train with.
        store: of checkpoints.
        identity: what must not change when it is resumed.
        heard: warnings so far.
        journal: of the chief, None on other hosts.
        checkpoint: to go on from; None begins.

    Raises:
        MmbalError: a component refuses its options, or the checkpoint belongs to another model.
    """

    def __init__(
        self,
        run: Run,
        data: MultimodalDataset,
        strategy: Strategy,
        store: Generations,
        identity: dict[str, Any],
        heard: Warned,
        journal: Journal | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._run, self._data, self._store = run, data, store
        self._identity, self._journal = identity, journal
        before = {} if checkpoint is None else checkpoint.facts
        self._started = time.monotonic() - before.get("seconds", 0.0)
        self._fitting = Fitting(run, data, strategy, store, journal, checkpoint, self._facts)
        self._origins = before.get("origins", {})
        if checkpoint is not None:
            self._note_replicas(before["replicas"])
        if journal is not None:
            self._origins = self._origins or {
                "initial_weights": digest_of_weights(self._fitting.model.network),
                "data_order": digest_of_arrays(self._fitting.batches.order(0)),
            }
            resumed = {} if checkpoint is None else {"resumed_at": checkpoint.step}
            journal.write(self._start() | resumed)
            heard.write_to(journal)

    def complete(self) -> dict[str, Any]:
        """Train and score; stopped at any moment, it leaves a readable record.

        Returns:
            What `mmbal run --json` prints; on hosts other than the chief, nothing.
        """
        replicas = self._run.replicas
        try:
            self._fitting.fit()
            outcome = self._finish()
        except (KeyboardInterrupt, StopTraining):
            raise self._stopped(self._fitting.stop.reason or INTERRUPT) from None
        except MmbalError as error:
            with suppress(MmbalError):  # a full disk does not take the note either
                self._note_stop(str(error))
            raise
        if self._journal is not None:  # all is told: what fails from here on is no stop
            self._run.folder.consolidate()
            self._store.clear()
        with naming_a_lost_host(replicas):
            replicas.agree(0)
        return outcome

    def _finish(self) -> dict[str, Any]:
        """Score and tell the end."""
        writer, selection = self._fitting.writer, self._fitting.selection
        if self._journal is None or writer is None or selection is None:
            return {}
        with self._run.replicas.scope():
            measured = self._score(self._journal, selection, writer)
        measured["seconds"] = seconds = time.monotonic() - self._started
        outcome = result(
            self._run.config,
            self._run.folder.path,
            measured,
            self._fitting.model.network.modalities,
        )
        self._journal.write({"event": "end", "seconds": seconds, "result": outcome})
        return outcome

    def _facts(self) -> dict[str, Any]:
        return {
            "identity": self._identity,
            "seconds": time.monotonic() - self._started,
            "replicas": self._run.replicas.count,
            "origins": self._origins,
        }

    def _note_replicas(self, before: int) -> None:
        now = self._run.replicas.count
        if now != before:
            self._run.progress.warn(
                f"the run goes on with {now} replicas instead of {before}: its numbers are equal "
                "up to rounding, not bit for bit"
            )

    def _start(self) -> dict[str, Any]:
        config = self._run.config
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
            "steps_per_epoch": self._fitting.batches.steps_per_epoch,
            "modalities": list(self._data.modalities),
            "classes": list(self._data.class_names),
            "fingerprint": self._data.fingerprint,
            "notes": dict(self._data.notes),
            "data": data_facts(self._data),
            **self._origins,
            "replicas": self._run.replicas.count,
            "jit_compile": bool(self._fitting.model.jit_compile),
        }

    def _score(
        self, journal: Journal, selection: Selection, writer: JournalWriter
    ) -> dict[str, Any]:
        """Score last and selected weights; this is the only place that reads the test split."""
        network = self._fitting.model.network
        scorer = Scorer(self._run.config, self._run.catalogue, self._data, network)
        self._run.progress.stage("scoring the last weights")
        last, means = scorer.score("validation", "test")
        selected = last
        if selection.epoch not in (None, writer.epoch):
            self._run.progress.stage("scoring the selected weights")
            load_weights(network, self._run.folder.weights)
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

    def _stopped(self, reason: str) -> Interrupted:
        self._note_stop(reason)
        saved = self._fitting.checkpoints
        done = saved if self._fitting.writer is None else self._fitting.writer
        kind = Preempted if reason == PREEMPTED else Interrupted
        return kind(
            self._run.folder.path,
            f"stopped after {done.steps} steps",
            resumable=saved.saved is not None,
        )

    def _note_stop(self, reason: str) -> None:
        writer = self._fitting.writer
        if self._journal is None or writer is None:
            return
        writer.flush()
        step = writer.steps
        self._journal.write({"event": "stop", "reason": reason, "step": step})
        self._run.folder.consolidate()
