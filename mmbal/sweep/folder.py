"""A sweep's folder: a run per trial, whose configurations are the plan."""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Container, Iterator, Sequence
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
from mmbal.files.text import read_text
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.job import Outcome
from mmbal.sweep.plan import Trial
from mmbal.sweep.table import TRIALS, row, to_csv, varying

if TYPE_CHECKING:
    from mmbal.records.run_folder import RunFolder

PLAN, TABLE, ERRORS = "sweep.toml", "table.csv", "errors"
STATES = ("finished", "failed", "half-done", "waiting")

_HEADER = "# Written by `mmbal sweep`; what a trial does stands in its own folder, in trials/.\n"


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
    # A sweep that was killed while it wrote its trials has left some.
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
        before = read_text(run.config) if run.config.is_file() else ""
    if provenance := tomllib.loads(before).get("provenance"):
        text = with_provenance(text, provenance)
    replace_file(run.config, text.encode())


class Sweep:
    """Trials in a folder, and how far they are.

    Args:
        folder: of the sweep; absent, empty or a sweep's.
        catalogue: what is installed.
        asked: trials to add to those that the folder holds; one that it holds keeps its name.
        threads: of each trial; None for as many as before, at first one.

    Attributes:
        trials: by name.
        varying: what trials differ in, beside strategy and seed, as dotted keys.

    Raises:
        ConfigError: a file is not what `mmbal sweep` wrote, or what is installed does not know
            its settings.
        MmbalError: another run lies where one that is asked for would.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        asked: Sequence[Trial] = (),
        threads: int | None = None,
    ) -> None:
        self.folder, self.table = folder, folder / TABLE
        self.threads = threads or _read_threads(folder / PLAN)
        self._written = {trial.name: trial for trial in _read_trials(folder / TRIALS, catalogue)}
        names = {trial.digest: name for name, trial in self._written.items()}
        trials = dict(self._written)
        for trial in asked:
            name = names.get(trial.digest, trial.name)
            if name in trials and (differences := trials[name].differences(trial)):
                raise MmbalError(
                    f"{folder / TRIALS / name} holds a run of another configuration: "
                    f"{', '.join(differences)}; give another --out"
                )
            trials[name] = replace(trial, name=name)
        self.trials = dict(sorted(trials.items(), key=_in_order))
        self.varying = varying(self.trials.values())
        self._rows = {name: self._look(trial) for name, trial in self.trials.items()}

    @property
    def pending(self) -> list[Path]:
        """Return the folders of trials that are not finished, as the engine takes them."""
        # Not resolved: other machines may reach the same folder through other links.
        trials = Path(os.path.abspath(self.folder / TRIALS))  # noqa: PTH100
        return [trials / row["trial"] for row in self.rows if row["status"] != "finished"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the table; see `mmbal.sweep.table.row`."""
        return list(self._rows.values())

    def finished(self, among: Container[str] | None = None) -> list[Path]:
        """Return the folders of finished trials.

        Args:
            among: digests of those that count; None for all.
        """
        done = [row["trial"] for row in self.rows if row["status"] == "finished"]
        chosen = [name for name in done if among is None or self.trials[name].digest in among]
        return [self.folder / TRIALS / name for name in chosen]

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of trials by status, those that there are."""
        numbers = Counter(row["status"] for row in self.rows)
        return {state: numbers[state] for state in STATES if numbers[state]}

    def save(self) -> None:
        """Write the configurations of trials that are not finished, and the table.

        Raises:
            MmbalError: they cannot be written.
        """
        for path in self.pending:
            trial, written = self.trials[path.name], self._written.get(path.name)
            if written is None or written.resolved.config != trial.resolved.config:
                write_configuration(path, trial.resolved)
        # Written last, for it says that no trial is missing.
        replace_file(self.folder / PLAN, f"{_HEADER}cpus_per_trial = {self.threads}\n".encode())
        self._save_table()

    def hear(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """Take in what became of a trial; return its row.

        Raises:
            MmbalError: the table cannot be written.
        """
        trial = self.trials[name]
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

    def _look(self, trial: Trial) -> dict[str, Any]:
        """Return the row of a trial as its folder tells it."""
        status: str = "absent"
        result, error = None, ""
        if (folder := self.folder / TRIALS / trial.name).exists():
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


def _read_trials(folder: Path, catalogue: Catalogue) -> Iterator[Trial]:
    for path in folder.iterdir() if folder.is_dir() else ():
        config = _run_folder(path).config
        if config.is_file():
            yield Trial(path.name, resolve(catalogue, None, config))


def _read_threads(plan: Path) -> int:
    if not plan.is_file():
        return 1
    threads = read_file(plan).values.get("cpus_per_trial")
    if not isinstance(threads, int) or threads < 1:
        raise ConfigError(f"{plan}: cpus_per_trial must be a number from 1, received {threads!r}")
    return threads


def _in_order(item: tuple[str, Trial]) -> list[tuple[int, str]]:
    """Return what sorts names with seed2 before seed10."""
    parts = re.split(r"(\d+)", item[0])
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
