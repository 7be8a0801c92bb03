"""What a page shows: the arms of a comparison, and what their runs hold."""

from collections.abc import Iterator, Mapping
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
        comparison: of the selected weights' test scores.
        records: by run folder.
    """

    comparison: Comparison
    records: Mapping[str, Record]

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """The arms in the order of the page: baselines, what is judged against them, controls."""
        order = {"": 0, "alone": 2, "ensemble": 3}
        return tuple(
            sorted(self.comparison.arms, key=lambda a: order[a.control] or a.pairing is not None)
        )

    def runs(self, arm: Arm) -> dict[str, Record]:
        """Return the runs of an arm; an ensemble has none of its own."""
        return {run: self.records[run] for run in arm.runs if run in self.records}

    def scores(self, arm: Arm, name: str) -> dict[str, float]:
        """Return a test score of an arm by run, where it is defined."""
        found = {
            run: record.scores["test", "selected"].get(name, np.nan)
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
            found = [t for r in self.runs(arm).values() if (t := _table(r, name, along))]
            if found:
                axes = found[0][0]
                values = np.stack([each for other, each in found if other == axes])
                sums, counts = np.nansum(values, axis=0), np.isfinite(values).sum(axis=0)
                yield arm, axes, np.where(counts, sums / np.maximum(counts, 1), np.nan)


def _table(
    record: Record, name: str, along: tuple[str, ...]
) -> tuple[Mapping[str, list[str]], np.ndarray] | None:
    for weights in ("selected", "last"):
        for key, table in record.tables.items():
            of = table["name"], table["split"], table["weights"], (*table["axes"],)
            if of == (name, "test", weights, along):
                return table["axes"], record.arrays[key]
    return None


@dataclass(frozen=True)
class Course:
    """Learning speeds of a modality over the steps of an arm's runs.

    Args:
        steps: (point,) steps taken.
        speeds: (run, point) natural logarithm.
        edges, isolated: (bin + 1,) steps, and (bin,) the share of steps that isolate it.
    """

    steps: np.ndarray
    speeds: np.ndarray
    edges: np.ndarray
    isolated: np.ndarray


def course(runs: Mapping[str, Record], modality: str) -> Course | None:
    """Return what became of a modality in runs; None where no run tells."""
    curves = [c for r in runs.values() if modality in r.modalities and (c := _curve(r, modality))]
    if not curves:
        return None
    first, last = curves[0][0], min(steps[-1] for steps, _, _ in curves)
    grid = first[first <= last] if first[0] <= last else np.array([last])
    grid = grid[np.unique(np.linspace(0, len(grid) - 1, POINTS).round().astype(int))]
    speeds = np.stack([np.interp(grid, steps, speed) for steps, speed, _ in curves])
    edges = np.linspace(0.5, last + 0.5, min(POINTS, int(last)) + 1)
    shares = []
    for steps, _, isolated in curves:
        counts = np.histogram(steps, edges)[0]
        shares.append(np.histogram(steps, edges, weights=isolated)[0] / np.maximum(counts, 1))
    return Course(grid, speeds, edges, np.mean(shares, axis=0))


def _curve(record: Record, modality: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return steps taken, learning speeds, and whether a step isolated the modality."""
    branch = record.modalities.index(modality)
    steps, epochs = record.history.steps, record.history.epochs
    taken, speed, isolated = steps.index + 1, steps.learning_speed, steps.isolated == branch
    if not np.isfinite(speed).any():
        taken, speed = epochs.step, epochs.learning_speed
        isolated = np.zeros(len(taken))
    defined = np.isfinite(speed[:, branch]) if speed.size else np.zeros(0, bool)
    if not defined.any():
        return None
    return taken[defined], speed[defined, branch], isolated[defined]
