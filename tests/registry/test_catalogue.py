"""Lookup, provenance and building."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.errors import DataFormatError, MmbalError, PluginError
from mmbal.options import NoOptions, Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.registry.discovery import discover

OWNER = Provenance("toys", "mmbal-toys 3.1")


class Toy(DatasetSource):
    def __init__(self, options: Options) -> None:
        self.options = options

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        raise NotImplementedError


def fail(options: Options) -> None:
    raise ValueError("first line\nsecond line")


def refuse(options: Options) -> None:
    raise DataFormatError("broken.png: no picture")


class Misnamed(Options):
    name: str = ""


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    module = ModuleType("toy_factories")
    for each in (Toy, fail, refuse, Misnamed):
        setattr(module, each.__name__, each)
    monkeypatch.setitem(sys.modules, "toy_factories", module)
    found = Catalogue()
    for name, factory in {
        "toy": "toy_factories:Toy",
        "failing": "toy_factories:fail",
        "refusing": "toy_factories:refuse",
        "absent": "toy_factories:Absent",
        "odd": "mmbal.errors:unknown",
    }.items():
        found.add(Component("dataset", name, f"the {name} one", factory), OWNER)
    return found


def test_builtins_are_offered_by_mmbal() -> None:
    found = discover([])

    assert found.problems == []
    assert found.names("strategy") == ["vanilla"]
    evaluations = ["accuracy", "classification", "linear-probe", "subsets", "utilization"]
    assert found.names("evaluation") == evaluations
    owner = found.provenance(found.get("strategy", "vanilla"))
    assert owner.plugin == "builtin"
    assert owner.distribution.startswith("mmbal ")


def test_unknown_name_has_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(MmbalError, match=r"unknown dataset 'toi'; did you mean 'toy'\?"):
        catalogue.get("dataset", "toi")
    with pytest.raises(MmbalError, match=r"unknown recipe 'x' \(legal: none\)"):
        catalogue.recipe("x")


def test_build_calls_the_factory_with_the_options(catalogue: Catalogue) -> None:
    options = NoOptions()

    built = catalogue.build("dataset", "toy", options)

    assert isinstance(built, Toy)
    assert built.options is options


def test_failing_factory_is_the_plugins_fault(catalogue: Catalogue) -> None:
    with pytest.raises(PluginError) as caught:
        catalogue.build("dataset", "failing", NoOptions())

    assert str(caught.value) == (
        "plugin 'toys' of mmbal-toys 3.1: dataset 'failing': factory 'toy_factories:fail' "
        "fails with ValueError: first line"
    )
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "error",
    [PermissionError(13, "Permission denied", "a.png"), OSError(28, "No space left on device")],
)
def test_what_the_environment_did_is_no_fault_of_the_plugin(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fail(options: NoOptions) -> None:
        raise error

    monkeypatch.setattr(sys.modules["toy_factories"], "fail", fail)
    with pytest.raises(MmbalError) as caught:
        catalogue.build("dataset", "failing", NoOptions())

    assert not isinstance(caught.value, PluginError)
    path = "a.png: " if error.filename else ""
    assert str(caught.value) == f"dataset 'failing': {path}{error.strerror}"


def test_user_errors_of_a_factory_pass_untouched(catalogue: Catalogue) -> None:
    with pytest.raises(DataFormatError, match=r"^broken.png: no picture$"):
        catalogue.build("dataset", "refusing", NoOptions())


def test_missing_factory_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(PluginError, match="'toy_factories:Absent' fails with AttributeError"):
        catalogue.build("dataset", "absent", NoOptions())


def test_wrong_product_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(PluginError, match=r"must give a mmbal.data.DatasetSource, received str"):
        catalogue.build("dataset", "odd", "thing", "x", ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("not_there:Options", "options 'not_there:Options' fail with ModuleNotFoundError"),
        ("builtins:dict", "must name a subclass of mmbal.options.Options"),
        ("toy_factories:Misnamed", "may not have a field 'name'"),
    ],
)
def test_broken_options_class(catalogue: Catalogue, options: str, message: str) -> None:
    catalogue.add(Component("callback", "c", "", "x:x", options=options), OWNER)

    with pytest.raises(PluginError, match=message):
        catalogue.options_class("callback", "c")


def test_names_and_order(catalogue: Catalogue) -> None:
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 1, "optimizer": {}}
    recipe = Recipe("r", "", dataset="toy", architecture="a", strategy="s", **settings)
    catalogue.add(recipe, OWNER)

    assert catalogue.names("recipe") == ["r"]
    assert catalogue.recipes() == [recipe]
    assert catalogue.provenance(recipe) == OWNER
    assert [c.name for c in catalogue.components()] == sorted(catalogue.names("dataset"))
