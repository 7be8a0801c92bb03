"""Runs as pandas DataFrames; pandas is loaded when one is asked for."""

import glob
import os
import tomllib
import warnings
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmbal.errors import MmbalError
from mmbal.records.listing import find_runs, open_runs
from mmbal.records.record import Record

if TYPE_CHECKING:
    import pandas as pd

RunPath = str | os.PathLike[str]
_FACTS = (
    "recipe", "dataset", "architecture", "strategy", "seed", "modalities", "status", "started",
    "epochs", "batch_size", "seconds", "fingerprint",
)  # fmt: skip


def table(
    paths: RunPath | Iterable[RunPath], split: str = "test", weights: str = "selected"
) -> "pd.DataFrame":
    """Return runs as a table: a row per run, finished or not, and a column per thing known of it.

    Example:
        runs = mmbal.records.table("sweeps/digits")
        runs.groupby("strategy")["accuracy"].agg(["mean", "std", "count"])

    Args:
        paths: of a run, of its `record.h5`, or of a folder whose runs are meant, such as that of a
            sweep, a comparison, or `runs`; or patterns such as "runs/*-seed[0-4]".
        split: whose scores are shown: test, validation or train.
        weights: whose scores are shown: selected or last.

    Returns:
        Columns, in this order; what a run lacks is missing:

        - `run`, its folder, and facts: `recipe`, `dataset`, `architecture`, `strategy`, `seed`,
            `modalities`, `status`, `started` (UTC), `epochs` (asked for), `batch_size`, `seconds`,
            `fingerprint`, `steps` (done);
        - scores under their names, such as `accuracy`, `accuracy_se`, `utilization/gray`;
        - after the last step `learning_speed/m` and `d_speed` (natural log of a ratio), and
            `isolated_steps/m`, how many steps isolated m;
        - settings of `config.toml` by dotted key, such as `optimizer.learning_rate`.

    Raises:
        MmbalError: pandas is absent, or there is no such run. Of several runs, damaged ones and
            those that ended before they began are left out, and named by warnings.
    """
    pandas = _pandas()
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    runs = [run for path in given for run in _expanded(path)]
    records = open_runs(runs, lambda text: warnings.warn(text, stacklevel=2))
    rows = [_row(pandas, run, record, (split, weights)) for run, record in records.items()]
    columns = dict.fromkeys(
        key for parts in zip(*rows, strict=True) for part in parts for key in part
    )
    frame = pandas.DataFrame([dict(ChainMap(*row)) for row in rows], columns=[*columns])
    if rows:
        frame["started"] = pandas.to_datetime(frame["started"], utc=True, errors="coerce")
    return frame


def history(path: RunPath) -> "pd.DataFrame":
    """Return the training steps of a run as a table whose index, `step`, counts from 0.

    Args:
        path: of its folder, or of its `record.h5`.

    Returns:
        Columns `epoch` (from 0), `loss` (nats), `isolated` (name of the modality that the step
        isolated, missing in a regular step), `learning_speed/m` of each modality m and `d_speed`
        (natural log of a ratio).

    Raises:
        MmbalError: pandas is absent, or there is no such run.
        DataFormatError: it is damaged.
    """
    pandas = _pandas()
    (record,) = open_runs([Path(path)], warnings.warn).values()
    steps, names = record.history.steps, record.modalities
    columns = {
        "epoch": steps.epoch,
        "loss": steps.loss,
        "isolated": pandas.Categorical.from_codes(steps.isolated, categories=[*names]),
        **{f"learning_speed/{m}": steps.learning_speed[:, k] for k, m in enumerate(names)},
        "d_speed": steps.d_speed,
    }
    return pandas.DataFrame(columns, index=pandas.Index(steps.index, name="step"))


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise MmbalError(f"tables need pandas: pip install 'mmbal[pandas]' ({error})") from error
    return pd


def _expanded(path: RunPath) -> Iterator[Path]:
    """Yield the runs that a path or a pattern stands for.

    Raises:
        MmbalError: there is none.
    """
    there = [path] if os.path.exists(path) else sorted(glob.glob(os.fspath(path)))  # noqa: PTH110, PTH207
    runs = [
        run for each in map(Path, there) for run in ([each] if each.is_file() else find_runs(each))
    ]
    if not runs:
        raise MmbalError(
            f"no run in {path}: expected folders that `mmbal run` wrote, or a pattern of them"
        )
    yield from runs


def _row(pandas: Any, run: str, record: Record, scores: tuple[str, str]) -> list[dict[str, Any]]:
    """Return facts, scores, speeds and settings."""
    steps, names = record.history.steps, record.modalities
    facts: dict[str, Any] = {"run": run, **{name: getattr(record, name) for name in _FACTS}}
    facts |= {"modalities": ", ".join(names), "steps": len(steps.index)}
    speeds: dict[str, Any] = {}
    if len(steps.index):
        isolated = np.sum(steps.isolated[:, None] == np.arange(len(names)), axis=0)
        speeds |= {
            f"learning_speed/{m}": v for m, v in zip(names, steps.learning_speed[-1], strict=True)
        }
        speeds |= {"d_speed": steps.d_speed[-1]}
        speeds |= {f"isolated_steps/{m}": v for m, v in zip(names, isolated, strict=True)}
    return [facts, dict(record.scores.get(scores, {})), speeds, _settings(pandas, record, facts)]


def _settings(pandas: Any, record: Record, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decided a run and is no fact of it already, by dotted key."""
    try:
        tables = tomllib.loads(record.config)
    except ValueError:  # a record stays readable without its configuration
        tables = {}
    tables.pop("provenance", None)
    flat = pandas.json_normalize(tables).to_dict("records") if tables else [{}]
    known = {*facts, *(f"{name}.name" for name in facts)}
    return {key: value for key, value in flat[0].items() if key not in known}
