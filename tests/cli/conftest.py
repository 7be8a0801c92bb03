"""The command line with a door to TensorFlow that leads nowhere."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_engine import FakeEngine

from mmbal.cli import cli
from mmbal.progress import Progress
from mmbal.sweep import engine, ray_engine

RESULT: dict[str, Any] = {
    "recipe": "colored-digits",
    "dataset": "colored-digits",
    "architecture": "mmtm-cnn",
    "strategy": "guided",
    "seed": 0,
    "epochs": 2,
    "steps": 80,
    "test": {
        "accuracy": 0.75,
        "accuracy_se": 0.0125,
        "branch_accuracy/gray": 0.5,
        "branch_accuracy/color": 0.25,
        "loss": 1.5,
    },
    "validation": {"accuracy": 0.7, "branch_accuracy/gray": 0.4, "branch_accuracy/color": 0.2},
    "utilization": {"gray": 0.5, "color": float("nan")},
    "d_util": float("nan"),
    "learning_speed": {"gray": 0.25, "color": None},
    "d_speed": None,
    "rebalancing_steps": {"gray": 0, "color": 20},
    "seconds": 3.25,
    "headlines": ["accuracy", "branch_accuracy/gray", "branch_accuracy/color", "d_util"],
    "meanings": {"branch_accuracy": "it hears the others"},
    "last": {"test": {"accuracy": 0.6, "branch_accuracy/gray": 0.3, "branch_accuracy/color": 0.1}},
}


class FakeExperiment(ModuleType):
    """Stands in for `mmbal.experiment` and remembers how it was called."""

    def __init__(self) -> None:
        super().__init__("mmbal.experiment")
        self.calls: list[tuple[Any, ...]] = []
        self.samples: list[bool] = []
        self.error: BaseException | None = None

    def run(
        self,
        resolved: Any,
        catalogue: Any,
        out: Path,
        progress: Progress,
        *,
        resume: bool = False,
        sample: bool = False,
    ) -> dict[str, Any]:
        self.calls.append((resolved, catalogue, out))
        self.samples.append(sample)
        progress.started(2, 40)
        progress.stepped(1, 40, 1.0)
        progress.epoch_done(1, {"loss": 1.0, "d_speed": float("nan")})
        print("a library talks")
        progress.stage("measuring utilization")
        progress.warn("the speed is undefined")
        if self.error:
            raise self.error
        return {"run": str(out), **RESULT, "strategy": resolved.config.strategy.name}

    def evaluate(
        self,
        run: Path,
        catalogue: Any,
        split: str,
        weights: str,
        data_dir: Path | None,
        *,
        other_data: bool = False,
        wanted: Sequence[str] = (),
        overrides: Sequence[Any] = (),
        save_predictions: bool = False,
        progress: Any = None,
    ) -> dict[str, Any]:
        self.calls.append((run, catalogue, split, weights, data_dir, other_data, save_predictions))
        self.wanted = wanted, [(key, value) for key, value, _ in overrides]
        return {
            "run": str(run),
            "split": split,
            "weights": weights,
            "accuracy": 0.5,
            "accuracy_se": 0.125,
            "utilization/gray": float("nan"),
            "added": [*wanted],
        }


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, events: list[dict[str, Any]]) -> FakeEngine:
    fake = FakeEngine(events)
    monkeypatch.setattr(engine, "run_all", fake.run_all)
    monkeypatch.setattr(ray_engine, "require_ray", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return fake


@pytest.fixture
def experiment(monkeypatch: pytest.MonkeyPatch) -> FakeExperiment:
    """Replace the door to TensorFlow."""
    fake = FakeExperiment()
    monkeypatch.setitem(sys.modules, "mmbal.experiment", fake)
    return fake


@pytest.fixture
def mmbal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a function that runs `mmbal` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MMBAL_TRACEBACK", raising=False)
    return lambda *arguments: CliRunner().invoke(cli, [str(each) for each in arguments])
