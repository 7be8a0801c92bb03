"""A sweep's folder: the plan, one run per trial, and what of it is done."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mmbal.errors import DataFormatError, MmbalError, attempting
from mmbal.sweep.plan import Trial, differences

if TYPE_CHECKING:
    from mmbal.records.record import Record

PLAN, TABLE, TRIALS, ASIDE, ERRORS, LOCKS = (
    "sweep.toml", "table.csv", "trials", "aside", "errors", ".locks",
)  # fmt: skip

State = Literal["waiting", "half-done", "finished"]

_SHOWN = 3


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
    """Tell how far a trial is.

    Raises:
        MmbalError: its folder holds a finished run of another configuration, or cannot be read.
    """
    folder = trial_folder(sweep, trial)
    if not folder.exists():
        return Standing("waiting")
    # It loads NumPy, which a trial may only do once its threads are set.
    from mmbal.records.run_folder import RunFolder

    run = RunFolder(folder)
    try:
        status = run.status()
        if status in ("absent", "claimed"):
            return Standing("waiting")
        if status == "foreign":
            return Standing("half-done")
        record = run.open()
    except DataFormatError:  # damaged: it is set aside and begun again
        return Standing("half-done")
    found = _differences(record, trial)
    if status != "finished":
        return Standing("half-done", resumable=not found and status == "resumable")
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
    with attempting(f"move {trial_folder(sweep, trial)}"):
        (sweep / ASIDE).mkdir(exist_ok=True)
        number = 1
        while (sweep / ASIDE / f"{trial.name}-{number}").exists():
            number += 1
        trial_folder(sweep, trial).rename(sweep / ASIDE / f"{trial.name}-{number}")


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
