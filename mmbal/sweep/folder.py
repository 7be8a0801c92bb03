"""A sweep's folder: the plan, one run per trial, and what of it is done."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mmbal.errors import DataFormatError, MmbalError
from mmbal.sweep.plan import Trial, differences

if TYPE_CHECKING:
    from mmbal.records.record import Record

PLAN, TABLE, TRIALS, ASIDE, ERRORS, LOCKS = (
    "sweep.toml", "table.csv", "trials", "aside", "errors", ".locks",
)  # fmt: skip
RESUME = "resume"  # in a run's folder: what a run goes on from

State = Literal["waiting", "half-done", "finished"]

_SHOWN = 3
_POLL = 0.2


@dataclass(frozen=True)
class Standing:
    """How far a trial is.

    Args:
        state: waiting, half-done or finished.
        resumable: its run can be gone on with.
        record: of a finished run.
    """

    state: State
    resumable: bool = False
    record: "Record | None" = None


def check_folder(folder: Path, *, begun: bool = False) -> None:
    """Raise unless a folder is absent, empty or a sweep's.

    Args:
        folder: to hold a sweep.
        begun: it must be a sweep's.

    Raises:
        MmbalError: it is a file or holds something else; nothing has been changed.
    """
    if folder.exists() and not folder.is_dir():
        raise MmbalError(f"--out {folder} is a file; name a folder that is absent or a sweep's")
    if (folder / PLAN).is_file():
        return
    if begun:
        raise MmbalError(f"--out {folder} holds no sweep to go on with: give --plugin RECIPE")
    if folder.is_dir() and any(not each.name.startswith(".") for each in folder.iterdir()):
        raise MmbalError(
            f"--out {folder} is not empty and holds no {PLAN}; name another folder "
            "(nothing changed)"
        )


def trial_folder(sweep: Path, trial: Trial) -> Path:
    """Return the folder of a trial's run."""
    return sweep / TRIALS / trial.name


def standing(sweep: Path, trial: Trial) -> Standing:
    """Tell how far a trial is; nothing is written.

    Raises:
        MmbalError: its folder holds a finished run of another configuration, or cannot be read.
    """
    folder = trial_folder(sweep, trial)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return Standing("waiting")
    try:
        record = _peek(folder)
    except DataFormatError:
        record = None  # damaged: it is set aside and begun again
    if record is None:
        return Standing("half-done")
    found = _differences(record, trial)
    if record.status != "finished":
        return Standing("half-done", resumable=not found and (folder / RESUME).is_dir())
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise MmbalError(
            f"{folder} holds a finished run of another configuration: "
            f"{', '.join(found[:_SHOWN])}{more}; give another --out"
        )
    return Standing("finished", record=record)


def set_aside(sweep: Path, trial: Trial) -> None:
    """Move a trial's folder out of the way; nothing is deleted.

    Raises:
        MmbalError: it cannot be moved.
    """
    try:
        (sweep / ASIDE).mkdir(exist_ok=True)
        number = 1
        while (sweep / ASIDE / f"{trial.name}-{number}").exists():
            number += 1
        trial_folder(sweep, trial).rename(sweep / ASIDE / f"{trial.name}-{number}")
    except OSError as error:
        raise MmbalError(f"cannot move {trial_folder(sweep, trial)}: {error.strerror}") from error


@contextmanager
def lock(sweep: Path, name: str, problem: str, patience: float = 0) -> Iterator[None]:
    """Hold a name in a sweep's folder against other processes, on this machine and others.

    Args:
        sweep: its folder, made if absent.
        name: what is held.
        problem: the message if another process holds it.
        patience: seconds to wait for a process that is just ending.

    Raises:
        MmbalError: another process holds it, or the folder cannot be written.
    """
    path = sweep / LOCKS / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise MmbalError(f"cannot write {path}: {error.strerror}") from error
    try:
        if not _acquire(file, patience):
            raise MmbalError(problem)
        yield
    finally:
        # The kernel drops the lock with the file, also when the process is killed.
        os.close(file)


def _acquire(file: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL)
        except OSError:
            return True  # a file system without locks; the journal has one of its own
        else:
            return True


def _peek(folder: Path) -> "Record | None":
    """Return the record of a run without bringing it up to date; None where there is no run."""
    from mmbal.records.journal import whole_size
    from mmbal.records.reader import read_record
    from mmbal.records.writer import JOURNAL, RECORD, assemble_run

    if not (folder / JOURNAL).is_file() or not whole_size(folder / JOURNAL):
        return None
    if (folder / RECORD).is_file():
        try:
            record = read_record(folder)
        except DataFormatError:
            pass  # the journal knows all that a damaged record held
        else:
            if record.journal_bytes == whole_size(folder / JOURNAL):
                return record
    return assemble_run(folder)


def _differences(record: "Record", trial: Trial) -> list[str]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        config = tomlkit.parse(record.config).unwrap()
    except TOMLKitError:
        config = {}
    config.pop("provenance", None)
    defaults = [key for key, origin in trial.origins.items() if origin.layer == "default"]
    return differences(config, trial.config, defaults)
