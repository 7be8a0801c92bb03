"""The table of a sweep: one row per trial, as far as it is."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmbal.sweep.plan import Trial

PLAN, TRIALS = "sweep.toml", "trials"
_STRATEGY, _SEED = "strategy.name", "seed"


def varying(trials: Iterable[Trial]) -> list[str]:
    """Return the settings in which trials that have them differ, beside strategy and seed."""
    values: dict[str, set[str]] = {}
    for trial in trials:
        for key, value in trial.settings.items():
            values.setdefault(key, set()).add(json.dumps(value, sort_keys=True, default=str))
    return [key for key in values if len(values[key]) > 1 and key not in (_STRATEGY, _SEED)]


def row(
    trial: Trial, keys: Iterable[str], status: str, result: Mapping[str, Any], error: str
) -> dict[str, Any]:
    """Return one row.

    Args:
        trial: whose row it is.
        keys: of the settings that vary; those that the trial lacks are None.
        status: waiting, half-done, failed or finished.
        result: what `mmbal run --json` prints, of a finished trial.
        error: of a failed trial.
    """
    test = result.get("test") or {}
    return {
        "trial": trial.name,
        "strategy": trial.settings[_STRATEGY],
        "seed": trial.settings[_SEED],
        **{key: _setting(trial, key) for key in keys},
        "status": status,
        "accuracy": test.get("accuracy"),
        **test,
        "d_speed": result.get("d_speed"),
        **_by_modality("rebalancing_steps", result.get("rebalancing_steps")),
        "steps": result.get("steps"),
        "seconds": result.get("seconds"),
        "folder": f"{TRIALS}/{trial.name}",
        "error": error,
    }


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; what is not known is an empty cell."""
    text = io.StringIO()
    # A finished trial knows of its modalities, and so of the place of their columns.
    names = dict.fromkeys(name for row in sorted(rows, key=len, reverse=True) for name in row)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _setting(trial: Trial, key: str) -> Any:
    if key == "modalities":
        return ", ".join(trial.settings[key]) or "all"
    return trial.settings.get(key)


def _by_modality(name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {f"{name}/{modality}": value for modality, value in (values or {}).items()}


def _cell(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, Mapping | list) else value
