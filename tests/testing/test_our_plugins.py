"""Our own components keep the rules: all that are installed."""

import pytest

from mmbal.registry.discovery import discover
from mmbal.testing import parametrize_with_rules
from mmbal.testing.rules import MODULES


def pytest_generate_tests(metafunc):
    catalogue = discover()
    parameters = []
    for kind in MODULES:
        for component in catalogue.components(kind):
            if not catalogue.provenance(component).distribution.startswith("mmbal"):
                continue
            mark = parametrize_with_rules(kind, component.name)
            parameters += mark.mark.args[1]
    metafunc.parametrize("rule", parameters)


def test_our_components_keep_the_rules(rule):
    if rule.subject.component.name == "modelnet40":
        pytest.importorskip("embreex")  # draws its sample
    rule()
