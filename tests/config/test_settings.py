"""Settings of a run: which modalities it has, and what it is told of others."""

import sys
from collections.abc import Collection
from typing import Any

import pytest
from pydantic import Field

from mmbal.config.origin import Override
from mmbal.config.resolution import resolve
from mmbal.config.settings import RunConfig
from mmbal.errors import ConfigError, refuse_unknown
from mmbal.options import Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component


class Part(Options):
    size: int = 1


class Net(Options):
    branches: dict[str, Part] = Field(default={})

    def check_use(self, modalities: Collection[str] | None) -> None:
        refuse_unknown("modality", self.branches, modalities, "architecture.branches")


@pytest.fixture
def branchy(toys: Catalogue, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """Return the toys and an architecture with options by modality."""
    monkeypatch.setattr(sys.modules["toy_options"], "Net", Net, raising=False)
    options = "toy_options:Net"
    component = Component("architecture", "branchy", "", "x:x", options=options)
    toys.add(component, Provenance("toys", "mmbal-toys 3.1"))
    return toys


def config_of(catalogue: Catalogue, **settings: Any) -> RunConfig:
    given = [Override(key, value, "test") for key, value in settings.items()]
    return resolve(catalogue, "toy", None, given).config


def test_all_modalities_by_default_and_part_of_what_a_run_is(toys: Catalogue) -> None:
    whole, one = config_of(toys), config_of(toys, modalities=["sight"])

    assert whole.identity()["modalities"] == []
    assert one.identity()["modalities"] == ["sight"]
    assert whole.left_out(["sight", "sound"]) == []
    assert one.left_out(["sight", "sound"]) == ["sound"]


def test_names_of_a_dataset_that_does_not_tell_them_are_taken_as_they_are(toys: Catalogue) -> None:
    found = config_of(toys, dataset="other", modalities=["left, eye"])

    assert found.modalities == ("left, eye",)


def test_options_of_modalities_that_are_left_out_are_neither_checked_nor_used(
    branchy: Catalogue,
) -> None:
    branches = {"sound": {"size": 2}, "sight": {"size": 3}}
    net = {"name": "branchy", "branches": branches}
    config = config_of(branchy, modalities=["sight"], architecture=net)

    config.check_components()

    used = config.without(["sound"])
    assert used.architecture.options == Net(branches={"sight": Part(size=3)})
    assert used.dataset == config.dataset
    assert used.evaluations == config.evaluations
    assert config.without([]) == config


def test_options_of_what_no_modality_is_are_told(branchy: Catalogue) -> None:
    net = {"name": "branchy", "branches": {"smell": {"size": 2}}}

    with pytest.raises(ConfigError, match="unknown modality 'smell'.*legal: sight, sound"):
        config_of(branchy, modalities=["sight"], architecture=net).check_components()
