"""Trials of a real recipe, and runs that look as if they had been trained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbal.config.writing import to_toml, with_provenance
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.discovery import discover
from mmbal.sweep.axes import assignment_axis, seed_axis, strategy_axis
from mmbal.sweep.plan import Trial, make_trials


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Return what is installed."""
    return discover()


@pytest.fixture
def trials_of(catalogue: Catalogue) -> Callable[..., list[Trial]]:
    """Return a function from options to trials of colored-digits."""

    def make(*assignments: str, strategies: str = "guided", seeds: str = "0") -> list[Trial]:
        axes = [strategy_axis(strategies), *map(assignment_axis, assignments), seed_axis(seeds)]
        return make_trials(catalogue, "colored-digits", None, axes)

    return make


@pytest.fixture
def make_run(events: list[dict[str, Any]]) -> Callable[..., Path]:
    """Return a function that writes the run of a trial; without its last events it is half done."""

    def write(sweep: Path, trial: Trial, leave_out: int = 0) -> Path:
        folder = sweep / "trials" / trial.name
        folder.mkdir(parents=True, exist_ok=True)
        config = trial.resolved.config
        text = with_provenance(to_toml(config, trial.resolved.origins), {"mmbal": "0"})
        (folder / "config.toml").write_text(text, encoding="utf-8")
        start = {**events[0], "strategy": config.strategy.name, "seed": config.seed}
        end = {**events[-1], "result": {"test": {"accuracy": 0.7}, "seconds": 3.5, "steps": 8}}
        whole = [start, *events[1:-1], end]
        lines = "".join(json.dumps(event) + "\n" for event in whole[: len(whole) - leave_out])
        (folder / "journal.jsonl").write_text(lines, encoding="utf-8")
        return folder

    return write
