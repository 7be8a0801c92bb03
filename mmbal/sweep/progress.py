"""How far the trials of a sweep are, and the table of it."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmbal.errors import DataFormatError
from mmbal.files.atomic import replace_file
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.folder import (
    ERRORS,
    TABLE,
    TRIALS,
    check_folder,
    extend,
    read_plan,
    write_plan,
    write_trial,
)
from mmbal.sweep.job import Outcome
from mmbal.sweep.plan import Trial
from mmbal.sweep.table import row, to_csv, varying

STATES = ("finished", "failed", "half-done", "waiting")


class Sweep:
    """Trials in a folder.

    Args:
        folder: of the sweep; absent, empty or a sweep's.
        catalogue: what is installed.
        asked: trials that are asked for; None for those that the folder holds.
        threads: of each trial; None for as many as before, at first one.

    Attributes:
        trials: those of the folder first.
        varying: what trials differ in, beside strategy and seed, as dotted keys.
        remarks: what the user should know, one line each.

    Raises:
        MmbalError: the folder is none of a sweep, or holds other trials.
    """

    def __init__(
        self,
        folder: Path,
        catalogue: Catalogue,
        asked: Sequence[Trial] | None,
        threads: int | None = None,
    ) -> None:
        check_folder(folder, begun=asked is None)
        self.folder, self.table = folder, folder / TABLE
        known, before = read_plan(folder, catalogue)
        self._known = {trial.name: trial.resolved.config for trial in known}
        self.threads = threads or before
        self.remarks: list[str] = []
        if known and self.threads != before:
            self.remarks.append(
                f"trials so far had {before} threads, now they have {self.threads}: "
                "their sums end in other digits"
            )
        self.trials = known if asked is None else extend(known, asked, folder, catalogue)
        self.varying = varying(self.trials)
        self._trials = {trial.name: trial for trial in self.trials}
        self._rows = {name: self._look(name) for name in self._trials}

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
        sweep = Path(os.path.abspath(self.folder))  # noqa: PTH100
        return [sweep / TRIALS / trial.name for trial in self.pending]

    def save(self) -> None:
        """Write plan and table.

        Raises:
            MmbalError: they cannot be written.
        """
        for trial in self.pending:
            if self._known.get(trial.name) != trial.resolved.config:
                write_trial(self.folder, trial)
        write_plan(self.folder, self.trials, self.threads)
        self._save_table()

    def hear(self, name: str, outcome: Outcome) -> dict[str, Any]:
        """Take in what became of a trial; return its row.

        Raises:
            MmbalError: the table cannot be written.
        """
        if outcome.status == "interrupted":
            self._rows[name] = self._look(name)
        else:
            self._rows[name] = self._row(name, outcome.status, outcome.result, outcome.error)
        if outcome.trace:
            errors = self.folder / ERRORS
            errors.mkdir(exist_ok=True)
            replace_file(errors / f"{name}.txt", outcome.trace.encode("utf-8", "backslashreplace"))
        self._save_table()
        return self._rows[name]

    def _look(self, name: str) -> dict[str, Any]:
        """Return the row of a trial as its folder tells it."""
        folder = self.folder / TRIALS / name
        if not folder.exists():
            return self._row(name, "waiting")
        from mmbal.records.run_folder import RunFolder

        run = RunFolder(folder)
        try:
            status = {"finished": "finished", "resumable": "half-done", "unfinished": "half-done"}
            return self._row(name, status.get(run.status(), "waiting"), run.result())
        except DataFormatError as error:
            return self._row(name, "half-done", error=str(error))

    def _row(self, name: str, *facts: Any, **more: Any) -> dict[str, Any]:
        return row(self._trials[name], self.varying, *facts, **more)

    def _save_table(self) -> None:
        replace_file(self.table, to_csv(self.rows).encode())
