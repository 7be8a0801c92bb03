"""A sweep's folder: a run per trial, whose configurations are the plan."""

import os
import tomllib
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.config.resolution import Resolved, resolve
from mmbal.config.toml import read_file
from mmbal.config.writing import to_toml, with_provenance
from mmbal.errors import ConfigError, DataFormatError, MmbalError, attempting
from mmbal.files.atomic import replace_file
from mmbal.files.locking import exclusive
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.job import Outcome
from mmbal.sweep.plan import Trial
from mmbal.sweep.table import TRIALS, row, to_csv, varying

if TYPE_CHECKING:
    from mmbal.records.run_folder import RunFolder

PLAN, TABLE, ERRORS = "sweep.toml", "table.csv", "errors"
STATES = ("finished", "failed", "half-done", "waiting")

_HEADER = "# Written by `mmbal sweep`; what a trial does stands in its own folder, in trials/.\n"
_SHOWN = 3


def check_folder(folder: Path, *, begun: bool = False) -> None:
    """Raise unless a folder is absent, empty or a sweep's.

    Args:
        folder: of the sweep.
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
    # A sweep that was killed while it wrote its plan has left trials.
    if folder.is_dir() and any(
        path.name != TRIALS and not path.name.startswith(".") for path in folder.iterdir()
    ):
        raise MmbalError(
            f"--out {folder} is not empty and holds no {PLAN}; name another folder "
            "(nothing changed)"
        )


def only_sweep(folder: Path) -> AbstractContextManager[None]:
    """Keep other sweeps out of a folder.

    Raises:
        MmbalError: another sweep runs in it.
    """
    return exclusive(folder / ".lock", f"another `mmbal sweep` is running in {folder}")


def write_configuration(folder: Path, resolved: Resolved) -> None:
    """Write the configuration of a run that is not finished; what made the run so far stays.

    Raises:
        MmbalError: it cannot be written.
    """
    run = _run_folder(folder)
    text = to_toml(resolved.config, resolved.origins)
    with attempting(f"write {run.config}"):
        run.path.mkdir(parents=True, exist_ok=True)
        before = run.config.read_text(encoding="utf-8") if run.config.is_file() else ""
    if provenance := tomllib.loads(before).get("provenance"):
        text = with_provenance(text, provenance)
    replace_file(run.config, text.encode())


class Sweep:
    """Trials in a folder, and how far they are.

    Args:
        folder: of the sweep; absent, empty or a sweep's.
        catalogue: what is installed.
        asked: trials that are asked for; None for those that the folder holds.
        threads: of each trial; None for as many as before, at first one.

    Attributes:
        trials: in order; those that the folder held keep the name they had.
        varying: what trials differ in, beside strategy and seed, as dotted keys.

    Raises:
        ConfigError: a file is missing, or not what `mmbal sweep` wrote; or what is installed does
            not know its settings.
        MmbalError: the folder holds a trial that is not asked for, or another run where one that
            is asked for would lie.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        asked: Sequence[Trial] | None,
        threads: int | None = None,
    ) -> None:
        self.folder, self.table, self._catalogue = folder, folder / TABLE, catalogue
        self._known, before = self._read()
        self.threads = threads or before
        self.trials = self._known if asked is None else self._matched(asked)
        self.varying = varying(self.trials)
        self._rows = {trial.name: self._look(trial) for trial in self.trials}

    @property
    def pending(self) -> list[Trial]:
        """Return the trials that are not finished."""
        return [t for t in self.trials if self._rows[t.name]["status"] != "finished"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the table; see `mmbal.sweep.table.row`."""
        return list(self._rows.values())

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of trials by status, those that there are."""
        numbers = Counter(row["status"] for row in self.rows)
        return {state: numbers[state] for state in STATES if numbers[state]}

    def jobs(self) -> list[Path]:
        """Return the folders of pending trials, as the engine takes them."""
        # Not resolved: other machines may reach the same folder through other links.
        return [Path(os.path.abspath(self._at(trial.name))) for trial in self.pending]  # noqa: PTH100

    def save(self) -> None:
        """Write plan and table, the plan once each of its trials has a configuration.

        Raises:
            MmbalError: they cannot be written.
        """
        written = {trial.name: trial.resolved.config for trial in self._known}
        for trial in self.pending:
            if written.get(trial.name) != trial.resolved.config:
                write_configuration(self._at(trial.name), trial.resolved)
        names = "".join(f'    "{trial.name}",\n' for trial in self.trials)
        text = f"{_HEADER}cpus_per_trial = {self.threads}\ntrials = [\n{names}]\n"
        replace_file(self.folder / PLAN, text.encode())
        self._save_table()

    def hear(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """Take in what became of a trial; return its row.

        Raises:
            MmbalError: the table cannot be written.
        """
        trial = next(trial for trial in self.trials if trial.name == name)
        if outcome.status == "failed":
            self._rows[name] = row(trial, self.varying, "failed", {}, outcome.error)
        else:
            self._rows[name] = self._look(trial)
        if outcome.trace:
            errors = self.folder / ERRORS
            errors.mkdir(exist_ok=True)
            replace_file(errors / f"{name}.txt", outcome.trace.encode("utf-8", "backslashreplace"))
        self._save_table()
        return self._rows[name]

    def _at(self, name: str) -> Path:
        return self.folder / TRIALS / name

    def _read(self) -> tuple[list[Trial], int]:
        """Return the trials that the folder holds and the threads of each."""
        plan = self.folder / PLAN
        if not plan.is_file():
            return [], 1
        values = read_file(plan).values
        names, threads = values.get("trials"), values.get("cpus_per_trial")
        if not (isinstance(threads, int) and isinstance(names, list) and all(map(_is_name, names))):
            raise ConfigError(f"{plan} is no plan that `mmbal sweep` wrote")
        return [self._read_trial(name) for name in names], threads

    def _read_trial(self, name: str) -> Trial:
        return Trial(name, resolve(self._catalogue, None, _run_folder(self._at(name)).config))

    def _matched(self, asked: Sequence[Trial]) -> list[Trial]:
        """Return the trials that are asked for, under the names of their folders."""
        names = {trial.digest: trial.name for trial in self._known}
        added = [trial for trial in asked if trial.digest not in names]
        digests = {trial.digest for trial in asked}
        missing = [trial for trial in self._known if trial.digest not in digests]
        if missing:
            raise MmbalError(_refusal(self.folder, missing, added))
        taken = {name.casefold() for name in names.values()}
        for trial in added:
            # Some file systems take names that differ in the case of letters for one.
            new = trial.marked() if trial.name.casefold() in taken else trial
            names[new.digest] = new.name
            taken.add(new.name.casefold())
            if self._at(new.name).exists() and (
                differences := self._read_trial(new.name).differences(new)
            ):
                raise MmbalError(
                    f"{self._at(new.name)} holds a run of another configuration: "
                    f"{_some(differences)}; give another --out"
                )
        return [replace(trial, name=names[trial.digest]) for trial in asked]

    def _look(self, trial: Trial) -> dict[str, Any]:
        """Return the row of a trial as its folder tells it."""
        status: str = "absent"
        result, error = None, ""
        if (folder := self._at(trial.name)).exists():
            run = _run_folder(folder)
            try:
                status, result = run.status(), run.result()
            except DataFormatError as broken:
                status, error = "unfinished", str(broken)
        state = {"finished": "finished", "resumable": "half-done", "unfinished": "half-done"}
        return row(trial, self.varying, state.get(status, "waiting"), result or {}, error)

    def _save_table(self) -> None:
        replace_file(self.table, to_csv(self.rows).encode())


def _run_folder(path: Path) -> "RunFolder":
    from mmbal.records.run_folder import RunFolder  # loads NumPy

    return RunFolder(path)


def _is_name(value: Any) -> bool:
    """Tell whether a value is a plain file name: anyone may have changed what stands in a file."""
    return isinstance(value, str) and not value.startswith(".") and Path(value).name == value != ""


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
