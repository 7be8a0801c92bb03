"""Strategies by joined names: their options, their building, what is refused."""

import pytest
from pydantic import Field

from mmbal.errors import ConfigError, MmbalError
from mmbal.options import Options
from mmbal.registry.composition import composed_options, split
from mmbal.registry.discovery import discover


class Plain(Options):
    rate: float = Field(default=0.5, description="x")


class Needy(Options):
    size: int


def test_names_are_split_for_strategies_only():
    assert split("strategy", "guided") == ["guided"]
    assert split("strategy", "guided + modality-dropout") == ["guided", "modality-dropout"]
    assert split("dataset", "a+b") == ["a+b"]


@pytest.mark.parametrize("name", ["guided+", "+guided", "a++b", "a+a"])
def test_what_is_no_composition(name):
    with pytest.raises(ConfigError, match=r"composed by '\+', each named once, as .*; received"):
        split("strategy", name)


def test_every_part_has_a_table_of_its_own():
    made = composed_options(("a-b", Plain), ("c", Plain))

    options = made.model_validate({"c": {"rate": 0.25}})
    assert options.model_dump() == {"a-b": {"rate": 0.5}, "c": {"rate": 0.25}}
    with pytest.raises(ValueError, match="Extra inputs"):
        made.model_validate({"rate": 1})


def test_a_part_that_needs_an_option_makes_its_table_needed():
    made = composed_options(("a", Plain), ("b", Needy))

    assert made.model_fields["b"].is_required()
    assert not made.model_fields["a"].is_required()


def test_parts_are_components_of_the_catalogue():
    catalogue = discover()

    assert [part.name for part in catalogue.parts("strategy", "guided+vanilla")] == [
        "guided",
        "vanilla",
    ]
    with pytest.raises(MmbalError, match="unknown strategy 'guidde'; did you mean 'guided'"):
        catalogue.parts("strategy", "vanilla+guidde")


def test_built_in_the_order_of_the_name():
    from mmbal.strategies.composite import Composite

    catalogue = discover()
    options = catalogue.options_class("strategy", "vanilla+guided").model_validate(
        {"guided": {"window": 9}}
    )

    built = catalogue.build("strategy", "vanilla+guided", options)

    assert isinstance(built, Composite)
    assert [part.options for part in built._parts] == [options.vanilla, options.guided]
    assert built.requirements().architecture == {"isolation"}


def test_commas_are_answered_with_the_way_to_compose():
    with pytest.raises(
        ConfigError, match=r"by '\+', each named once, as guided\+opm; received 'guided,opm'"
    ):
        split("strategy", "guided,opm")
