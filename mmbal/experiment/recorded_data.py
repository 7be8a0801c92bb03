"""The data that a run was trained on, wherever they are now."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmbal.config.settings import RunConfig
from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.data.narrowing import narrow
from mmbal.errors import MmbalError, counted
from mmbal.experiment.identity import data_facts
from mmbal.records.journal import read_journal
from mmbal.records.run_folder import RunFolder


def whereabouts(config: RunConfig, run: RunFolder) -> dict[str, str]:
    """Return what `[provenance]` tells of the data's folder."""
    if config.data_dir is None:
        return {}
    absolute = config.data_dir.absolute()
    places = {"data_dir": str(absolute), "data_dir_from_run": os.path.relpath(absolute, run.path)}
    return {key: os.fsencode(path).decode("utf-8", "replace") for key, path in places.items()}


def load_recorded(
    source: DatasetSource,
    config: RunConfig,
    run: RunFolder,
    provenance: Mapping[str, Any],
    *,
    named: bool,
    strict: bool = True,
) -> tuple[RunConfig, MultimodalDataset]:
    """Load the data of a run from the first place that holds what was recorded.

    They have the modalities that the run has, and its configuration comes back without what it
    says of others.

    Args:
        source: of the dataset.
        config: of the run.
        run: its folder.
        provenance: what its `config.toml` tells; empty for a run that has not begun.
        named: whether the user said where to look just now: then only there.
        strict: whether data other than those of the run are refused.

    Raises:
        ConfigError: they have no modality of a name that the run has.
        MmbalError: there are no data, or others; the message says what differs.
    """
    places = [config.data_dir]
    if not named and config.data_dir is not None:
        recorded = (provenance.get(key) for key in ("data_dir", "data_dir_from_run"))
        found = [run.path / place for place in recorded if isinstance(place, str)]
        places = [*found, run.path / config.data_dir.name, config.data_dir] if found else places
    there = [place for place in dict.fromkeys(places) if place is None or place.exists()]
    other: MultimodalDataset | None = None
    problem = MmbalError()
    for place in there or [config.data_dir]:
        try:
            data = source.load(place, config.seed)
        except MmbalError as error:
            problem = problem if problem.args else error
            continue
        wanted = provenance.get("dataset_fingerprint", data.fingerprint)
        if data.fingerprint == wanted:
            return _as_used(config, data)
        if other is None:
            other, problem = data, MmbalError(_difference(run, place, wanted, data))
    if other is None or strict:
        raise problem
    return _as_used(config, other)


def _as_used(config: RunConfig, data: MultimodalDataset) -> tuple[RunConfig, MultimodalDataset]:
    used = narrow(data, config.modalities)
    return config.without(data.modalities.keys() - used.modalities), used


def _difference(run: RunFolder, place: Path | None, wanted: str, data: MultimodalDataset) -> str:
    where = "where the dataset is by default" if place is None else f"in {place}"
    parts = "; ".join(_splits(run, data)) or "counts and labels are equal, contents are not"
    return (
        f"{run.path} was trained on other data than stand {where}: fingerprint "
        f"{data.fingerprint:.12}, recorded is {wanted:.12}; {parts}. Name their folder with "
        "--data-dir, or score these with --other-data"
    )


def _splits(run: RunFolder, data: MultimodalDataset) -> Iterator[str]:
    start: Mapping[str, Any] = {}
    with suppress(MmbalError, StopIteration):
        start = next(event for event in read_journal(run.journal) if event["event"] == "start")
    before = start.get("data", {}).get("splits", {})
    for split, now in data_facts(data)["splits"].items():
        if split in before and before[split] != now:
            told, found = (
                f"{counted(each['examples'], 'example')} ({each['digest'][:12] or 'no digest'})"
                for each in (before[split], now)
            )
            yield f"{split} {found}, recorded {told}"
