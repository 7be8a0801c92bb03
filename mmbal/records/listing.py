"""Which runs a folder holds and how far they are, without reading them whole."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmbal.errors import DataFormatError, MmbalError, refused
from mmbal.records.journal import read_journal
from mmbal.records.record import Record
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder

_NAMES = ("recipe", "strategy", "seed")
_BULK = ("steps", "array", "table")
"""Events that make a journal long, and tell nothing that is listed."""
SCORE = "accuracy"


def find_runs(
    folder: str | os.PathLike[str], notice: Callable[[str], None] = lambda _: None
) -> Iterator[Path]:
    """Yield the folder, where it is a run's, or those of all runs below it, by name.

    Links to runs are followed, links to other folders are not.

    Args:
        folder: where to look.
        notice: told in one line of a folder that cannot be read.
    """
    run = RunFolder(folder)
    try:
        if run.journal.is_file() or run.record.is_file():
            yield run.path
            return
        inner = sorted(path for path in run.path.iterdir() if path.is_dir())
    except OSError as error:
        notice(f"left out: {refused(error)}")
        return
    for path in inner:
        if not path.is_symlink() or RunFolder(path).journal.is_file():
            yield from find_runs(path, notice)


def open_runs(
    runs: Iterable[Path],
    notice: Callable[[str], None],
    rebuilt: Callable[[str], None] = lambda _: None,
) -> dict[str, Record]:
    """Open runs, each once however often it was named.

    Args:
        runs: folders of runs, or their `record.h5`.
        notice: told in one line which of several are left out, being damaged, or ended before
            they began.
        rebuilt: told in one line which record was made again.

    Raises:
        MmbalError: one is no run.
        DataFormatError: the only one is damaged.
    """
    once: dict[str, Path] = {}
    for run in runs:
        once.setdefault(os.path.realpath(run), run)
    records: dict[str, Record] = {}
    for run in once.values():
        try:
            records[str(run)] = read_record(run) if run.is_file() else RunFolder(run).open(rebuilt)
        except DataFormatError as error:
            if len(once) == 1:
                raise
            notice(f"left out: {error}")
    return records


def glance(path: Path) -> dict[str, Any]:
    """Return what a list of runs tells of one; what is not known is None.

    Args:
        path: of its folder.

    Returns:
        - "run": its folder; "recipe", "strategy", "seed";
        - "status": finished, interrupted, unfinished (no end written: killed, or at work), not
            begun, damaged, or unreadable;
        - "validation", "test": accuracy of the selected weights, so far;
        - "bytes": of all its files; "started": ISO 8601 time; "error": why it is not readable.
    """
    run, error = RunFolder(path), None
    told: dict[str, Any] = {"status": "not begun"}
    try:
        if run.journal.is_file():
            for event in read_journal(run.journal, without=_BULK):
                told |= _news(event)
        else:
            told = _summary(read_record(run.record))
    except (MmbalError, LookupError, TypeError, AttributeError) as problem:
        damaged = not isinstance(problem, MmbalError) or isinstance(problem, DataFormatError)
        told["status"] = "damaged" if damaged else "unreadable"
        error = str(problem) if isinstance(problem, MmbalError) else f"{run.journal}: {problem!r}"
    keys = (*_NAMES, "status", "validation", "test")
    size, changed = _extent(path)
    started = told.get("started") or datetime.fromtimestamp(changed, UTC).isoformat()
    row = {"run": str(path), **{key: told.get(key) for key in keys}}
    return {**row, "bytes": size, "started": started, "error": error}


def _news(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event of a journal changes."""
    kind = event["event"]
    if kind == "start":
        names = {name: event[name] for name in _NAMES}
        resumed = {} if "resumed_at" in event else {"started": event.get("time")}
        return {**names, **resumed, "status": "unfinished"}
    if kind == "epoch" and event.get("selected"):
        return {"validation": (event.get("validation") or {}).get(SCORE), "test": None}
    if kind == "scores" and event["weights"] == "selected" and SCORE in event["values"]:
        return {event["split"]: event["values"][SCORE]}
    ends = {"stop": "interrupted", "end": "finished"}
    return {"status": ends[kind]} if kind in ends else {}


def _summary(record: Record) -> dict[str, Any]:
    """Return the same of a record whose journal is gone."""
    of = {split: record.scores.get((split, "selected"), {}) for split in ("validation", "test")}
    told = {name: getattr(record, name) for name in (*_NAMES, "status", "started")}
    return told | {split: scores.get(SCORE) for split, scores in of.items()}


def _extent(path: Path) -> tuple[int, float]:
    """Return the bytes of all files below a folder, and when the newest was written."""
    size, changed = 0, 0.0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                found = os.stat(os.path.join(folder, name), follow_symlinks=False)  # noqa: PTH118, PTH116
            except FileNotFoundError:  # of a run at work
                continue
            size, changed = size + found.st_size, max(changed, found.st_mtime)
    return size, changed
