"""A sweep's folder: a run per trial, whose configurations are the plan."""

import tomllib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbal.config.resolution import resolve
from mmbal.config.toml import read_file
from mmbal.config.writing import to_toml, with_provenance
from mmbal.errors import ConfigError, MmbalError, attempting
from mmbal.files.atomic import replace_file
from mmbal.files.locking import exclusive
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.plan import Trial, distinct

PLAN, TABLE, TRIALS, ERRORS = "sweep.toml", "table.csv", "trials", "errors"

_HEADER = "# Written by `mmbal sweep`; what a trial does stands in its own folder, in trials/.\n"
_SHOWN = 3


def only_sweep(folder: Path, *, begun: bool = False) -> AbstractContextManager[None]:
    """Keep other sweeps out of a folder.

    Args:
        folder: absent, empty or a sweep's.
        begun: it must be a sweep's.

    Raises:
        MmbalError: it is none of a sweep, or another sweep runs in it.
    """
    check_folder(folder, begun=begun)
    return exclusive(folder / ".lock", f"another `mmbal sweep` is running in {folder}")


def check_folder(folder: Path, *, begun: bool = False) -> None:
    """Raise unless a folder is absent, empty or a sweep's; see `only_sweep`.

    Raises:
        MmbalError: it is a file or holds something else; nothing has been changed.
    """
    if folder.exists() and not folder.is_dir():
        raise MmbalError(f"--out {folder} is a file; name a folder that is absent or a sweep's")
    if (folder / PLAN).is_file():
        return
    if begun:
        raise MmbalError(f"--out {folder} holds no sweep to go on with: give --plugin RECIPE")
    # A sweep that was killed while it wrote its plan has left trials.
    if folder.is_dir() and any(
        path.name != TRIALS and not path.name.startswith(".") for path in folder.iterdir()
    ):
        raise MmbalError(
            f"--out {folder} is not empty and holds no {PLAN}; name another folder "
            "(nothing changed)"
        )


def read_plan(folder: Path, catalogue: Catalogue) -> tuple[list[Trial], int]:
    """Return the trials of a sweep and the threads of each; none where it has not begun.

    Raises:
        ConfigError: a file is missing, or not what `mmbal sweep` wrote; or what is installed does
            not know its settings.
    """
    if not (folder / PLAN).is_file():
        return [], 1
    values = read_file(folder / PLAN).values
    names, threads = values.get("trials"), values.get("cpus_per_trial")
    if not isinstance(threads, int) or not isinstance(names, list) or not all(map(_is_name, names)):
        raise ConfigError(f"{folder / PLAN} is no plan that `mmbal sweep` wrote")
    return [_read_trial(folder, name, catalogue) for name in names], threads


def write_plan(folder: Path, trials: Sequence[Trial], threads: int) -> None:
    """Write the plan, once each of its trials has a configuration.

    Raises:
        MmbalError: it cannot be written.
    """
    names = "".join(f'    "{trial.name}",\n' for trial in trials)
    text = f"{_HEADER}cpus_per_trial = {threads}\ntrials = [\n{names}]\n"
    replace_file(folder / PLAN, text.encode())


def write_trial(folder: Path, trial: Trial) -> None:
    """Write the configuration of a trial that is not finished.

    Raises:
        MmbalError: it cannot be written.
    """
    from mmbal.records.run_folder import RunFolder

    run = RunFolder(folder / TRIALS / trial.name)
    text = to_toml(trial.resolved.config, trial.resolved.origins)
    with attempting(f"write {run.config}"):
        run.path.mkdir(parents=True, exist_ok=True)
        before = run.config.read_text(encoding="utf-8") if run.config.is_file() else ""
    if provenance := tomllib.loads(before).get("provenance"):
        text = with_provenance(text, provenance)
    replace_file(run.config, text.encode())


def extend(
    known: Sequence[Trial], asked: Sequence[Trial], folder: Path, catalogue: Catalogue
) -> list[Trial]:
    """Return the trials that are asked for, those of the folder first.

    Trials of both keep the name they had.

    Args:
        known: those of the folder.
        asked: what is asked for.
        folder: of the sweep.
        catalogue: what is installed.

    Raises:
        MmbalError: a trial of the folder is not asked for, or one that is asked for would lie
            where there is another run.
    """
    digests = {trial.digest: trial for trial in asked}
    names = {trial.digest: trial.name for trial in known}
    added = distinct([trial for trial in asked if trial.digest not in names], names.values())
    missing = [trial for trial in known if trial.digest not in digests]
    if missing:
        raise MmbalError(_refusal(folder, missing, added))
    for trial in added:
        if (folder / TRIALS / trial.name).exists():
            there = _read_trial(folder, trial.name, catalogue)
            if differences := there.differences(trial):
                raise MmbalError(
                    f"{folder / TRIALS / trial.name} holds a run of another configuration: "
                    f"{_some(differences)}; give another --out"
                )
    return [replace(digests[digest], name=name) for digest, name in names.items()] + added


def _is_name(value: Any) -> bool:
    """Tell whether a value is a plain file name: anyone may have changed what stands in a file."""
    return isinstance(value, str) and not value.startswith(".") and Path(value).name == value != ""


def _read_trial(folder: Path, name: str, catalogue: Catalogue) -> Trial:
    from mmbal.records.run_folder import RunFolder

    return Trial(name, resolve(catalogue, None, RunFolder(folder / TRIALS / name).config))


def _refusal(folder: Path, missing: Sequence[Trial], added: Sequence[Trial]) -> str:
    """Say what a new plan lacks, and in what its nearest trial differs."""
    changes = [trial.differences(missing[0]) for trial in added]
    nearest = _some(min(changes, key=len, default=[]))
    return (
        f"{folder} holds trials that this command lacks: "
        f"{_some([trial.name for trial in missing])}{nearest and f' ({nearest})'}; a sweep can be "
        "extended but not changed: give all its values, or another --out"
    )


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
