"""A sweep at work: what is done, what is left, and the table of both."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.config.origin import dotted
from mmbal.files.atomic import replace_file
from mmbal.files.locking import exclusive
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.folder import (
    ERRORS,
    LOCKS,
    PLAN,
    TABLE,
    Standing,
    check_folder,
    standing,
    trial_folder,
)
from mmbal.sweep.plan import Trial
from mmbal.sweep.stored import Plan, extend, read_plan, write_plan
from mmbal.sweep.table import row, settings_of, to_csv, varying
from mmbal.sweep.trial import Job, Outcome

if TYPE_CHECKING:
    from mmbal.records.record import Record

STATES = ("finished", "failed", "half-done", "waiting")


class Sweep:
    """Trials in a folder.

    Args:
        folder: of the sweep; absent, empty or a sweep's.
        catalogue: what is installed.
        trials: what is asked for; None for those that the folder holds.
        cpus: threads per trial; None for as many as before, at first one.

    Attributes:
        trials: those of the folder first.
        remarks: what the user should know, one line each.

    Raises:
        MmbalError: the folder is none of a sweep, or its plan holds other trials.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        trials: Sequence[Trial] | None,
        cpus: int | None = None,
    ) -> None:
        check_folder(folder, begun=trials is None)
        self.folder = folder
        self.remarks: list[str] = []
        old = read_plan(folder / PLAN, catalogue) if (folder / PLAN).is_file() else None
        if trials is None:
            trials = old.trials if old else ()
        before = old.cpus if old else 1
        self.cpus = before if cpus is None else cpus
        if old and self.cpus != before:
            self.remarks.append(
                f"trials so far had {before} threads, now they have {self.cpus}: "
                "their sums end in other digits"
            )
        self.trials: list[Trial] = list(trials)
        if old:
            self.trials = extend(old.trials, trials, folder / PLAN)
        self._varying = varying(self.trials)
        self._standing: dict[str, Standing] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        for trial in self.trials:
            self._look(trial)

    @property
    def pending(self) -> list[Trial]:
        """Return the trials that are not finished."""
        return [t for t in self.trials if self._standing[t.name].state != "finished"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the table; see `mmbal.sweep.table.row`."""
        return [self._rows[trial.name] for trial in self.trials]

    @property
    def table(self) -> Path:
        """Return where the table lies."""
        return self.folder / TABLE

    @property
    def varying(self) -> list[str]:
        """Return what trials differ in, beside strategy and seed, as dotted keys."""
        return [dotted(key) for key in self._varying]

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of trials by status, those that there are."""
        found = Counter(each["status"] for each in self.rows)
        return {state: found[state] for state in STATES if found[state]}

    def jobs(self) -> list[Job]:
        """Return the pending trials as the engine takes them."""
        # Not resolved: other machines may reach the same folder through other links.
        sweep = os.path.abspath(self.folder)  # noqa: PTH100
        return [Job(sweep, trial, self.cpus) for trial in self.pending]

    def save(self) -> None:
        """Write plan and table.

        Raises:
            MmbalError: they cannot be written.
        """
        write_plan(self.folder / PLAN, Plan(tuple(self.trials), self.cpus))
        self._save_table()

    def hear(self, job: Job, outcome: Outcome) -> dict[str, Any]:
        """Take in what became of a trial; return its row.

        Raises:
            MmbalError: the table cannot be written.
        """
        trial = job.trial
        if outcome.status == "interrupted":
            self._look(trial)
        else:
            if outcome.status == "finished":
                self._standing[trial.name] = Standing("finished")
            self._rows[trial.name] = row(
                trial, self._settings(trial), outcome.status, outcome.result, outcome.error
            )
        if outcome.trace:
            path = self.folder / ERRORS / f"{trial.name}.txt"
            path.parent.mkdir(exist_ok=True)
            replace_file(path, outcome.trace.encode("utf-8", "backslashreplace"))
        self._save_table()
        return self._rows[trial.name]

    def records(self) -> "dict[str, Record]":
        """Return the records of finished trials, by folder."""
        from mmbal.records.run_folder import RunFolder

        done = [trial for trial in self.trials if self._rows[trial.name]["status"] == "finished"]
        return {str(path): RunFolder(path).open() for path in (self._path(trial) for trial in done)}

    def _look(self, trial: Trial) -> None:
        stands = standing(self.folder, trial)
        result: dict[str, Any] = {}
        if stands.record is not None:
            from mmbal.report.outcome import outcome

            result = outcome(stands.record, str(self._path(trial)))
        self._standing[trial.name] = Standing(stands.state, stands.resumable)
        self._rows[trial.name] = row(trial, self._settings(trial), stands.state, result, "")

    def _settings(self, trial: Trial) -> dict[str, Any]:
        return settings_of(trial, self._varying)

    def _path(self, trial: Trial) -> Path:
        return trial_folder(self.folder, trial)

    def _save_table(self) -> None:
        replace_file(self.table, to_csv(self.rows).encode())


def only_sweep(folder: Path, *, begun: bool = False) -> AbstractContextManager[None]:
    """Keep other sweeps out of a folder; `begun`: it must be a sweep's already.

    Raises:
        MmbalError: it is none of a sweep, or another sweep runs in it.
    """
    check_folder(folder, begun=begun)
    return exclusive(folder / LOCKS / "sweep", f"another `mmbal sweep` is running in {folder}")
