"""What a page shows: the arms of a comparison, and what their runs hold."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmbal.comparison.values import Arm, Comparison
from mmbal.records.record import Record

POINTS = 120
"""Of a curve: more than a telephone shows."""


@dataclass(frozen=True)
class Shown:
    """A comparison together with its runs.

    Args:
        comparison: of test scores.
        records: by run folder.
        weights: whose scores these are, selected or last.
        command: that made the runs, "" where that is not known.
    """

    comparison: Comparison
    records: Mapping[str, Record]
    weights: str = "selected"
    command: str = ""

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """The arms in the order of the page: baselines, what is judged against them, controls."""
        order = {"": 0, "alone": 2, "ensemble": 3, "late": 4}
        return tuple(
            sorted(self.comparison.arms, key=lambda a: order[a.control] or a.pairing is not None)
        )

    def runs(self, arm: Arm) -> dict[str, Record]:
        """Return the runs of an arm; an ensemble has none of its own."""
        return {run: self.records[run] for run in arm.runs if run in self.records}

    def scores(self, arm: Arm, name: str) -> dict[str, float]:
        """Return a test score of an arm by run, where it is defined."""
        found = {
            run: record.scores["test", self.weights].get(name, np.nan)
            for run, record in self.runs(arm).items()
        }
        return {run: value for run, value in found.items() if np.isfinite(value)}

    def tables(
        self, name: str, *along: str
    ) -> Iterator[tuple[Arm, Mapping[str, list[str]], np.ndarray]]:
        """Yield an arm, the axes of a table of test examples, and the mean of it over runs.

        Tables are left out whose axes are not called so, or are not those of the arm's first run.
        """
        for arm in self.arms:
            found = [
                t for r in self.runs(arm).values() if (t := _table(r, name, self.weights, along))
            ]
            if found:
                axes = found[0][0]
                values = np.stack([each for other, each in found if other == axes])
                sums, counts = np.nansum(values, axis=0), np.isfinite(values).sum(axis=0)
                yield arm, axes, np.where(counts, sums / np.maximum(counts, 1), np.nan)


def _table(
    record: Record, name: str, weights: str, along: tuple[str, ...]
) -> tuple[Mapping[str, list[str]], np.ndarray] | None:
    for key, table in record.tables.items():
        of = table["name"], table["split"], table["weights"], (*table["axes"],)
        if of == (name, "test", weights, along):
            return table["axes"], record.arrays[key]
    return None


@dataclass(frozen=True)
class Course:
    """What became of a number in an arm's runs, from beginning to end.

    Args:
        places: (point,) steps or epochs.
        values: (run, point).
        edges, isolated: (bin + 1,) steps, and (bin,) the share of steps that isolate a modality;
            without bins where nothing is isolated.
    """

    places: np.ndarray
    values: np.ndarray
    edges: np.ndarray
    isolated: np.ndarray


def speed_course(runs: Iterable[Record], modality: str) -> Course | None:
    """Return the learning speed of a modality, natural logarithm, by step; None: nowhere told."""
    curves, windows = [], []
    for record in runs:
        branch, steps = record.modalities.index(modality), record.history.steps
        speed = steps.learning_speed[:, branch]
        if (defined := np.isfinite(speed)).any():
            curves.append((steps.index[defined] + 1, speed[defined]))
            windows.append((steps.index + 1, steps.isolated == branch))
    if not curves:
        return None
    last = min(taken[-1] for taken, _ in curves)
    grid = np.unique(np.linspace(curves[0][0][0], last, POINTS).round().astype(int))
    speeds = np.stack([np.interp(grid, *curve) for curve in curves])
    edges = np.linspace(0.5, last + 0.5, min(POINTS, int(last)) + 1)
    shares = [
        np.histogram(taken[isolated], edges)[0] / np.maximum(np.histogram(taken, edges)[0], 1)
        for taken, isolated in windows
    ]
    return Course(grid, speeds, edges, np.mean(shares, axis=0))


def epoch_course(runs: Iterable[Record], split: str, score: str) -> Course | None:
    """Return a score of every epoch that all runs which tell it have; None for fewer than two."""
    told = [getattr(record.history.epochs, split).get(score) for record in runs]
    found = [values for values in told if values is not None]
    count = min(map(len, found), default=0)
    if count < 2:
        return None
    nothing = np.empty(0)
    values = np.stack([values[:count] for values in found])
    return Course(np.arange(1, count + 1), values, nothing, nothing)
