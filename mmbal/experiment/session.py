"""A run from loaded data to its end: what its journal tells, and how it can end."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from mmbal.data import MultimodalDataset
from mmbal.errors import Interrupted, MmbalError, Preempted, first_line
from mmbal.evaluation.results import Results
from mmbal.experiment.building import Run
from mmbal.experiment.checkpoints import Position
from mmbal.experiment.identity import data_facts
from mmbal.experiment.observers import JournalWriter
from mmbal.experiment.scoring import Scorer, headline, load_weights, summary
from mmbal.experiment.stopping import INTERRUPT, PREEMPTED, StopRequest, StopTraining
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.replicas.sums import Replicas
from mmbal.training.model import BalancedModel

# What TensorFlow raises when a host that it talks to is gone.
LOST_HOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.CancelledError,
)


class Training(Protocol):
    """What a session tells of.

    Attributes:
        run, data, model: what is trained, by `fit`.
        steps_per_epoch: None where it varies.
        origins: digests of what training began with, by name.
        position: how far it is.
        writer: of the journal, on the chief.
        listeners: callbacks that are told the result, by `scored`.
        store: of checkpoints; `resumable` says whether there is one.
        stop: what was asked for.
    """

    run: Run
    data: MultimodalDataset
    model: BalancedModel
    origins: Mapping[str, str]
    position: Position
    writer: JournalWriter | None
    listeners: list[Any]
    store: Generations
    stop: StopRequest

    @property
    def steps_per_epoch(self) -> int | None: ...  # noqa: D102

    @property
    def resumable(self) -> bool: ...  # noqa: D102

    def fit(self) -> None: ...  # noqa: D102


def begin(fitting: Training, checkpoint: Checkpoint | None) -> None:
    """Write the first line of the journal, or of its continuation from a checkpoint."""
    run, data, replicas = fitting.run, fitting.data, fitting.run.replicas
    if checkpoint is not None and checkpoint.facts["replicas"] != replicas.count:
        run.progress.warn(
            f"the run goes on with {replicas.count} replicas instead of "
            f"{checkpoint.facts['replicas']}: its numbers are equal up to rounding, not bit for bit"
        )
    if run.journal is None:
        return
    start = {
        "event": "start",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "schema": 1,
        **headline(run.config),
        "batch_size": run.config.batch_size,
        "steps_per_epoch": fitting.steps_per_epoch,
        "modalities": list(data.modalities),
        "classes": list(data.class_names),
        "fingerprint": data.fingerprint,
        "notes": dict(data.notes),
        "data": data_facts(data),
        **fitting.origins,
        "replicas": replicas.count,
        "jit_compile": bool(fitting.model.jit_compile),
    }
    resumed = {} if checkpoint is None else {"resumed_at": checkpoint.step}
    run.journal.write(start | resumed)


def complete(fitting: Training) -> dict[str, Any]:
    """Train and score; stopped at any moment, it leaves a readable record.

    Returns:
        What `mmbal run --json` prints; on hosts other than the chief, nothing.
    """
    run, writer, result = fitting.run, fitting.writer, {}
    try:
        with naming_a_lost_host(run.replicas):
            fitting.fit()
            with run.replicas.scope():
                scored = _score(fitting)
        if writer is not None:
            result = _tell(fitting, writer, *scored)
            for listener in fitting.listeners:
                listener.scored(result)
            writer.journal.write({"event": "end", "seconds": result["seconds"], "result": result})
    except (KeyboardInterrupt, StopTraining):
        raise _stopped(fitting) from None
    except MmbalError as error:
        with suppress(MmbalError):  # a full disk does not take the note either
            _note_stop(fitting, str(error))
        raise
    if writer is not None:  # all is told: what fails from here on is no stop
        run.folder.consolidate()
        fitting.store.clear()
    _part(run)
    return result


def _part(run: Run) -> None:
    """Leave together: the chief writes to the end, and its going ends the others.

    Raises:
        MmbalError: another host went before the run had come to its end.
    """
    try:
        with naming_a_lost_host(run.replicas):
            run.replicas.agree(0)
    except MmbalError:
        if run.folder.result() is None:  # else it had merely agreed and gone a moment earlier
            raise


Scored = tuple[Scorer, dict[str, dict[str, Results]], dict[str, np.ndarray]]
"""What scored, the results by weights and split, and the means by journal name."""


def _score(fitting: Training) -> Scored:
    """Score last and selected weights; this is the only place that reads the test split.

    All hosts make the same passes, each batch shared by all of them.
    """
    run, network, writer = fitting.run, fitting.model.network, fitting.writer
    kept = run.folder.predictions if run.config.save_predictions and writer else None
    scorer = Scorer(
        run.config, run.catalogue, fitting.data, network, fitting.model.strategy, None,
        run.progress, kept,
    )  # fmt: skip
    run.progress.stage("scoring the last weights")
    splits = [name for name in ("validation", "test") if len(getattr(fitting.data, name))]
    last, means = scorer.score("last", *splits)
    results = {"selected": last, "last": last}
    earlier = writer is not None and writer.selection.epoch not in (None, writer.epoch)
    if run.replicas.any(earlier):
        run.progress.stage("scoring the selected weights")
        load_weights(network, run.folder.weights)
        results["selected"], means = scorer.score("selected", *splits)
    return scorer, results, means


def _tell(
    fitting: Training,
    writer: JournalWriter,
    scorer: Scorer,
    results: dict[str, dict[str, Results]],
    means: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Write scores into the journal; return what is told of the run."""
    run, modalities = fitting.run, fitting.model.network.modalities
    for weights, splits in results.items():
        for split, each in splits.items():
            for event in scorer.events(split, weights, each):
                writer.journal.write(event)
    for name, mean in means.items():
        writer.journal.write({"event": "array", "name": name, "values": mean})
    selected, last = results["selected"], results["last"]
    return {
        "run": str(run.folder.path),
        **headline(run.config),
        **summary(selected, modalities),
        "steps": writer.steps,
        "selected_epoch": writer.selection.epoch,
        "learning_speed": writer.speeds,
        "d_speed": writer.imbalance,
        "rebalancing_steps": writer.rebalancing,
        "seconds": fitting.position.seconds,
        "last": summary(last, modalities),
        "headlines": next(reversed(selected.values())).headlines if selected else [],
        "meanings": scorer.meanings,
    }


def _stopped(fitting: Training) -> Interrupted:
    reason = fitting.stop.reason or INTERRUPT
    _note_stop(fitting, reason)
    steps = fitting.position.steps if fitting.writer is None else fitting.writer.steps
    kind = Preempted if reason == PREEMPTED else Interrupted
    return kind(
        fitting.run.folder.path,
        f"stopped after {steps} steps",
        resumable=fitting.resumable,
    )


def _note_stop(fitting: Training, reason: str) -> None:
    writer = fitting.writer
    if writer is not None:
        writer.flush()
        writer.journal.write({"event": "stop", "reason": reason, "step": writer.steps})
        fitting.run.folder.consolidate()


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
        # The line of TensorFlow's message that tells what happened, without its stacks.
        cause = re.search(r"aborted by: (.+)", error.message)
        reason = cause[1] if cause else first_line(error, typed=False)
        raise MmbalError(
            f"worker {replicas.worker} of {replicas.workers} lost another one: {reason}; start "
            "all workers again with --resume"
        ) from error
