"""What the entry point offers."""

import pytest

from mmbal_guided import Guided, Random
from mmbal_guided.options import BalancedOptions, GuidedOptions
from mmbal_guided.plugin import mmbal_components

OFFERED = {"guided": (Guided, GuidedOptions), "random": (Random, BalancedOptions)}


@pytest.fixture(params=OFFERED)
def component(request):
    """Return each component in turn."""
    (found,) = (each for each in mmbal_components() if each.name == request.param)
    return found


def test_the_two_strategies():
    assert [each.name for each in mmbal_components()] == list(OFFERED)


def test_descriptions_lead_to_code(component):
    strategy, options = OFFERED[component.name]
    assert component.kind == "strategy"
    assert component.options_class() is options
    assert component.load_factory() is strategy
    assert strategy.Options is options


def test_listings_tell_method_and_source(component):
    said = {"guided": "isolate the branch that learns fastest", "random": "drawn at random"}
    assert said[component.name] in component.summary
    assert "ICML 2022, arXiv 2202.05306" in component.source


def test_requirements_are_those_of_the_strategy(component):
    strategy, _ = OFFERED[component.name]
    assert frozenset(component.requires) == strategy().requirements().architecture


def test_the_kit_tries_them_out_of_the_warm_up_and_compares_within_it(component):
    acting = {"guided": {"warmup": 0, "tolerance": 0}, "random": {"warmup": 0}}
    assert component.conformance.options == acting[component.name]
    assert component.conformance.identity == {"warmup": 1000}
