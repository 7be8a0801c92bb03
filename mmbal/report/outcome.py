"""A record -> the object that `mmbal run --json` prints, also for a run without end."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmbal.records.record import Epochs, Record

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
    steps = finished_steps(record)
    values = {
        "run": run,
        **{name: getattr(record, name) for name in _NAMES},
        "status": record.status,
        "epochs": len(record.history.epochs.index),
        "steps": steps,
        "test": _accuracies(record.scores.get(("test", "selected"))),
        "validation": _accuracies(record.scores.get(("validation", "selected")))
        or _selected_validation(record),
        "last": {"test": _accuracies(record.scores.get(("test", "last")))},
        "utilization": by_modality(record.scores.get(("test", "selected"), {}), "utilization"),
        "d_util": record.scores.get(("test", "selected"), {}).get("d_util"),
        "learning_speed": _speeds(record),
        "d_speed": final_d_speed(record),
        "rebalancing_steps": _rebalancing_steps(record),
        "seconds": seconds(record),
    }
    # The trainer's own word fills what no score was written for.
    return {
        key: record.result.get(key) if value in (None, {}) else value
        for key, value in values.items()
    }


def finished_steps(record: Record) -> int:
    """Return the number of training steps that the record knows of."""
    steps, epochs = record.history.steps, record.history.epochs
    last = [steps.index[-1] + 1] if steps.index.size else []
    return int(max([0, *last, *epochs.step]))


def final_d_speed(record: Record) -> float | None:
    """Return the imbalance after the last step; None when it was not measured."""
    for values in (record.history.steps.d_speed, record.history.epochs.d_speed):
        if values.size:
            return float(values[-1])
    return None


def seconds(record: Record) -> float:
    """Return the wall-clock time of a run, without an end that of its finished epochs."""
    if np.isfinite(record.seconds):
        return record.seconds
    return float(np.nansum(record.history.epochs.seconds))


def by_modality(scores: Mapping[str, float], name: str) -> dict[str, float]:
    """Pick the scores called `name/MODALITY`."""
    prefix = name + "/"
    return {key[len(prefix) :]: value for key, value in scores.items() if key.startswith(prefix)}


def selected_epoch(epochs: Epochs) -> int | None:
    """Return the position of the epoch whose weights are the selected ones."""
    chosen = np.flatnonzero(epochs.selected)
    return int(chosen[-1]) if chosen.size else None


def _accuracies(scores: Mapping[str, float] | None) -> dict[str, Any] | None:
    if not scores:
        return None
    return {
        "accuracy": scores.get("accuracy"),
        "accuracy_by_modality": by_modality(scores, "accuracy"),
        "loss": scores.get("loss"),
    }


def _selected_validation(record: Record) -> dict[str, Any] | None:
    epochs = record.history.epochs
    position = selected_epoch(epochs)
    if position is None:
        return None
    scores = {name: float(values[position]) for name, values in epochs.validation.items()}
    # Keras logs are sorted by name; modalities have an order of their own.
    ordered = [f"accuracy/{m}" for m in record.modalities if f"accuracy/{m}" in scores]
    return _accuracies({name: scores[name] for name in [*ordered, *scores]})


def _speeds(record: Record) -> dict[str, float]:
    for values in (record.history.steps.learning_speed, record.history.epochs.learning_speed):
        if len(values):
            return dict(zip(record.modalities, values[-1].tolist(), strict=True))
    return {}


def _rebalancing_steps(record: Record) -> dict[str, int]:
    isolated = record.history.steps.isolated
    if isolated.size:
        counts = [int(np.sum(isolated == m)) for m in range(len(record.modalities))]
    else:
        counts = record.history.epochs.rebalancing_steps.sum(axis=0).tolist()
    return dict(zip(record.modalities, counts, strict=True))
