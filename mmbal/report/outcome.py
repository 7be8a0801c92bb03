"""A record -> the object that `mmbal run --json` prints, also for a run without end."""

import re
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from mmbal.errors import MmbalError, unknown
from mmbal.records.record import Epochs, Record

_COMMON = ("accuracy", "branch_accuracy", "slice_accuracy", "utilization", "d_util")
_NAMES = ("recipe", "dataset", "architecture", "strategy", "seed")


def outcome(record: Record, run: str) -> dict[str, Any]:
    """Return what came out of a run, as far as it got.

    Args:
        record: of the run.
        run: its folder, to be told.

    Returns:
        The keys of `mmbal run --json`; "epochs" and "steps" are those that were finished.
        What is not known is None. "status" is finished, interrupted or unfinished, and
        "last" holds the test scores of the last weights where they were taken.
    """
    test = record.scores.get(("test", "selected"), {})
    validation = record.scores.get(("validation", "selected")) or _selected_validation(record)
    return {
        "run": run,
        **{name: getattr(record, name) for name in _NAMES},
        "status": record.status,
        "epochs": len(record.history.epochs.index),
        "steps": finished_steps(record),
        "test": dict(test) or None,
        "validation": dict(validation) or None,
        "last": {"test": dict(record.scores.get(("test", "last"), {})) or None},
        "utilization": by_modality(record, test, "utilization"),
        "d_util": test.get("d_util"),
        "learning_speed": _by_branch(record, _newest(record, "learning_speed")),
        "d_speed": final_d_speed(record),
        "rebalancing_steps": _rebalancing_steps(record),
        "seconds": seconds(record),
        "headlines": headlines(record),
        "meanings": dict(record.meanings),
    }


def headlines(record: Record) -> list[str]:
    """Return the scores that short tables show; of a run that tells none, the common ones."""
    scores = record.scores.get(("test", "selected"), {})
    return [*record.headlines] or [name for name in scores if name.split("/")[0] in _COMMON]


def matching(patterns: Sequence[str], names: Collection[str], kind: str = "score") -> list[str]:
    """Return the names that fit patterns, in their order.

    Args:
        patterns: such as "subset_*".
        names: what there is.
        kind: of thing that is named.

    Raises:
        MmbalError: none fits one of them.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise MmbalError(unknown(kind, pattern, names))
    return [name for name in names if any(fnmatchcase(name, each) for each in patterns)]


def error_name(name: str) -> str:
    """Return under which name the standard error of a score is told."""
    score = re.match("[^@/]*", name)
    return name if score is None else f"{score[0]}_se{name[score.end() :]}"


def finished_steps(record: Record) -> int:
    """Return the number of training steps that the record knows of."""
    steps, epochs = record.history.steps, record.history.epochs
    last = [steps.index[-1] + 1] if steps.index.size else []
    return int(max([0, *last, *epochs.step]))


def final_d_speed(record: Record) -> float | None:
    """Return the imbalance after the last step; None when it was not measured."""
    newest = _newest(record, "d_speed")
    return None if newest is None else float(newest)


def seconds(record: Record) -> float:
    """Return the wall-clock time of a run, without an end that of its finished epochs."""
    if np.isfinite(record.seconds):
        return record.seconds
    return float(np.nansum(record.history.epochs.seconds))


def by_modality(record: Record, scores: Mapping[str, float], name: str) -> dict[str, float]:
    """Pick the scores called `name/MODALITY`."""
    named = {m: scores.get(f"{name}/{m}") for m in record.modalities}
    return {m: score for m, score in named.items() if score is not None}


def selected_epoch(epochs: Epochs) -> int | None:
    """Return the position of the epoch whose weights are the selected ones."""
    chosen = np.flatnonzero(epochs.selected)
    return int(chosen[-1]) if chosen.size else None


def _newest(record: Record, name: str) -> Any:
    """Return the last value of a column that steps and epochs have; None where it is empty."""
    for columns in (record.history.steps, record.history.epochs):
        values = getattr(columns, name)
        if len(values):
            return values[-1]
    return None


def _selected_validation(record: Record) -> dict[str, float]:
    epochs = record.history.epochs
    position = selected_epoch(epochs)
    if position is None:
        return {}
    return {name: float(values[position]) for name, values in epochs.validation.items()}


def _rebalancing_steps(record: Record) -> dict[str, int]:
    isolated, branches = record.history.steps.isolated, np.arange(len(record.modalities))
    if isolated.size:
        return _by_branch(record, np.sum(isolated[:, None] == branches, axis=0))
    return _by_branch(record, record.history.epochs.rebalancing_steps.sum(axis=0))


def _by_branch(record: Record, values: Any) -> dict[str, Any]:
    """Return a (modality,) array by name; nothing where there is none."""
    return {} if values is None else dict(zip(record.modalities, values.tolist(), strict=True))
