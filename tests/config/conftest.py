"""A catalogue of toys with every type of option."""

import sys
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from mmbal.options import Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.registry.discovery import discover


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Split(Options):
    train: float = Field(default=0.8, gt=0, lt=1)
    note: str | None = None


class ToyData(Options):
    shape: tuple[int, int] = (4, 4)
    colour: Colour = Colour.RED
    folder: Path | None = None
    seed: int | None = Field(default=None, ge=0)
    split: Split = Split()
    shares: dict[str, float] = Field(default_factory=dict)

    def modality_names(self) -> tuple[str, ...]:
        return ("sight", "sound")


class Guided(Options):
    tolerance: float = Field(default=0.02, ge=0, description="in nats")
    window: int = Field(default=5, ge=1)
    low: int = 0
    high: int = 9
    update: Literal["all", "isolated"] = "all"
    mode: Literal["none", "some"] | None = "some"

    @model_validator(mode="after")
    def _ordered(self) -> "Guided":
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, received {self.low} and {self.high}")
        return self


class Needy(Options):
    size: int


class Utilization(Options):
    batches: int = Field(default=10, ge=1)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Return the built-ins, a toy component of each kind and the recipe `toy`."""
    module = ModuleType("toy_options")
    for each in (ToyData, Guided, Needy, Utilization):
        setattr(module, each.__name__, each)
    monkeypatch.setitem(sys.modules, "toy_options", module)
    catalogue = discover([])
    owner = Provenance("toys", "mmbal-toys 3.1")
    for kind, name, options in [
        ("dataset", "toy", "toy_options:ToyData"),
        ("dataset", "other", "mmbal.options:NoOptions"),
        ("architecture", "net", "mmbal.options:NoOptions"),
        ("architecture", "needy", "toy_options:Needy"),
        ("strategy", "guided", "toy_options:Guided"),
        ("evaluation", "extra", "toy_options:Utilization"),
        ("callback", "stop", "toy_options:Utilization"),
    ]:
        catalogue.add(Component(kind, name, "", "x:x", options=options), owner)  # type: ignore[arg-type]
    settings: dict[str, Any] = {
        "epochs": 3,
        "batch_size": 8,
        "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        "options": {"strategy": {"window": 7}, "dataset": {"shape": (2, 3)}},
        "settings": {"select": "loss"},
        "sample": {"epochs": 1, "batch_size": 2, "optimizer": {"learning_rate": 0.5},
                   "dataset": {"shape": (1, 1)}},
    }  # fmt: skip
    toy = {"dataset": "toy", "architecture": "net", "strategy": "guided", **settings}
    catalogue.add(Recipe("toy", "a toy", **toy), owner)
    needs = {"dataset.folder": "name the folder of ..."}
    catalogue.add(Recipe("toy-poor", "a toy", **toy, needs=needs), owner)
    assert not catalogue.problems
    return catalogue
