"""The table of a sweep: one row per trial, as far as it is."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmbal.config.origin import Key, dotted
from mmbal.config.settings import FREE
from mmbal.config.tree import leaves
from mmbal.sweep.folder import TRIALS
from mmbal.sweep.plan import Trial

_OWN_COLUMNS = {("strategy", "name"), ("seed",)}


def varying(trials: Sequence[Trial]) -> list[Key]:
    """Return the settings in which trials that have them differ, beside strategy and seed."""
    values: dict[Key, set[str]] = {}
    for trial in trials:
        for key, value in leaves(trial.config):
            if key not in _OWN_COLUMNS and key[0] not in FREE:
                values.setdefault(key, set()).add(json.dumps(value, sort_keys=True, default=str))
    return [key for key, found in values.items() if len(found) > 1]


def settings_of(trial: Trial, keys: Iterable[Key]) -> dict[str, Any]:
    """Return a trial's values of some settings, by dotted key; those that it has."""
    flat = dict(leaves(trial.config))
    return {dotted(key): flat[key] for key in keys if key in flat}


def row(
    trial: Trial, settings: Mapping[str, Any], status: str, result: Mapping[str, Any], error: str
) -> dict[str, Any]:
    """Return one row.

    Args:
        trial: whose row it is.
        settings: its values of what varies.
        status: waiting, half-done, failed, interrupted or finished.
        result: of a finished trial, see `mmbal.report.outcome`; else {}.
        error: of a failed trial.
    """
    test = result.get("test") or {}
    modalities = {
        "accuracy": test.get("accuracy_by_modality") or {},
        "utilization": result.get("utilization") or {},
        "rebalancing_steps": result.get("rebalancing_steps") or {},
    }
    return {
        "trial": trial.name,
        "strategy": trial.strategy,
        "seed": trial.seed,
        **settings,
        "status": status,
        "accuracy": test.get("accuracy"),
        **_spread("accuracy", modalities),
        **_spread("utilization", modalities),
        "d_util": result.get("d_util"),
        "d_speed": result.get("d_speed"),
        **_spread("rebalancing_steps", modalities),
        "steps": result.get("steps"),
        "seconds": result.get("seconds"),
        "folder": f"{TRIALS}/{trial.name}",
        "error": error,
    }


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; what is not known is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in each.items()} for each in rows)
    return text.getvalue()


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the columns of all rows; what only some have stands where those have it."""
    merged: list[str] = []
    for each in rows:
        place = 0
        for name in each:
            if name in merged:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return merged


def _spread(name: str, modalities: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{name}/{modality}": value for modality, value in modalities[name].items()}


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str | int | float) else json.dumps(value, default=str)
