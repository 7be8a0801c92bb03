"""Trials of a real recipe, and runs that look as if they had been trained."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mmbal.config.writing import to_toml
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.discovery import discover
from mmbal.sweep.axes import assignment_axis, seed_axis, strategy_axis
from mmbal.sweep.plan import Trial, make_trials

Finish = Callable[..., Path]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return what is installed."""
    return discover()


@pytest.fixture
def trials_of(catalogue: Catalogue) -> Callable[..., list[Trial]]:
    """Return a function from options to trials of colored-digits."""

    def make(*assignments: str, strategies: str = "guided", seeds: str = "0") -> list[Trial]:
        axes = [strategy_axis(strategies), *map(assignment_axis, assignments), seed_axis(seeds)]
        return make_trials(catalogue, "colored-digits", None, axes)[0]

    return make


@pytest.fixture
def write_trial(
    catalogue: Catalogue, events: list[dict[str, Any]]
) -> Callable[[Path, Trial, Sequence[dict[str, Any]]], Path]:
    """Return a function that writes the run of a trial; without its last events it is half done."""

    def write(sweep: Path, trial: Trial, leave_out: int = 0) -> Path:
        folder = sweep / "trials" / trial.name
        folder.mkdir(parents=True)
        resolved = trial.resolve(catalogue)
        text = to_toml(resolved.config, resolved.origins, {"mmbal": "0"})
        (folder / "config.toml").write_text(text, encoding="utf-8")
        told = [
            {
                **events[0],
                "strategy": trial.strategy,
                "seed": trial.seed,
                "recipe": "colored-digits",
            },
            *events[1 : len(events) - leave_out],
        ]
        lines = "".join(json.dumps(event) + "\n" for event in told)
        (folder / "journal.jsonl").write_text(lines, encoding="utf-8")
        return folder

    return write
