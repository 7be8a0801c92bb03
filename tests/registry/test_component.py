"""What an architecture lacks for a strategy, before anything is loaded."""

import pytest

from mmbal.capabilities import CAPABILITIES, explain, missing
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component

OWNER = Provenance("toys", "mmbal-toys 3.1")


@pytest.fixture
def toys() -> Catalogue:
    """Return two strategies and three architectures."""
    catalogue = Catalogue()
    for name, requires in (("free", ()), ("picky", ("slice", "isolation"))):
        catalogue.add(Component("strategy", name, "", "x:x", requires=requires), OWNER)
    offers = {"gated": ("slice", "isolation"), "late": ("slice",), "silent": None}
    for name, offered in offers.items():
        catalogue.add(Component("architecture", name, "", "x:x", offers=offered), OWNER)
    return catalogue


def test_missing_keeps_the_order_of_the_capabilities():
    assert missing(["rule", "isolation", "slice"], ["slice"]) == ["isolation", "rule"]
    assert missing([], []) == []
    assert explain(["head"]) == f"{CAPABILITIES['head']} (head)"


def test_an_architecture_that_does_not_say_is_left_to_the_built_network(toys):
    picky = toys.get("strategy", "picky")

    assert toys.get("architecture", "silent").lacks(picky) == []
    assert toys.get("architecture", "late").lacks(picky) == ["isolation"]


def test_which_strategy_trains_which_architecture(toys):
    assert toys.compatibility() == {
        "free": {"gated": [], "late": [], "silent": []},
        "picky": {"gated": [], "late": ["isolation"], "silent": []},
    }
