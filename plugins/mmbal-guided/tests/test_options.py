"""Options of both strategies: defaults, borders, and what is refused by name."""

import pytest
from pydantic import ValidationError

from mmbal_guided.options import BalancedOptions, GuidedOptions

COMMON = {"warmup": 1, "warmup_steps": None, "update": "all"}


def test_defaults():
    assert BalancedOptions().model_dump() == COMMON
    assert GuidedOptions().model_dump() == COMMON | {"tolerance": 0.023, "window": 5}


@pytest.mark.parametrize(
    "options",
    [
        {"warmup": 0},
        {"warmup": 0.25},
        {"warmup_steps": 0},
        {"warmup_steps": 12},
        {"update": "isolated"},
        {"tolerance": 0},
        {"window": 1},
    ],
    ids=str,
)
def test_borders_are_legal(options):
    made = GuidedOptions(**options).model_dump()
    assert made == GuidedOptions().model_dump() | options


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"tolerance": -1}, "tolerance"),
        ({"tolerance": "much"}, "tolerance"),
        ({"window": 0}, "window"),
        ({"window": 1.5}, "window"),
        ({"warmup": -1}, "warmup"),
        ({"warmup_steps": -1}, "warmup_steps"),
        ({"warmup_steps": 0.5}, "warmup_steps"),
        ({"update": "none"}, "update"),
        ({"windows": 3}, "windows"),
    ],
    ids=str,
)
def test_errors_name_the_option(options, where):
    with pytest.raises(ValidationError) as caught:
        GuidedOptions(**options)
    assert [error["loc"] for error in caught.value.errors()] == [(where,)]


@pytest.mark.parametrize("name", ["tolerance", "window"])
def test_random_knows_neither_tolerance_nor_window(name):
    with pytest.raises(ValidationError, match=name):
        BalancedOptions(**{name: 1})


def test_descriptions_tell_units():
    told = {name: field.description for name, field in GuidedOptions.model_fields.items()}
    assert list(told) == ["warmup", "warmup_steps", "update", "tolerance", "window"]
    for name, unit in (
        ("warmup", "epochs"), ("warmup_steps", "in steps"), ("tolerance", "nats"),
        ("window", "steps"),
    ):  # fmt: skip
        assert unit in told[name]
