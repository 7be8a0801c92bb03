"""Our own components keep the rules: all that are installed."""

import pytest

from mmbal.registry.discovery import discover
from mmbal.testing import parametrize_with_rules
from mmbal.testing.rules import MODULES

LARGE = {"mmtm-resnet18", "mmtm-i3d", "nvgesture"}
"""Networks that take seconds to build, and videos."""
COMMON = {"entry-point", "factory"}
QUICK = {"requirements", "training", "effect", "state", "eager", "three-modalities"}
"""Rules for strategies: one training serves most of them."""


def is_deep(item):
    """Return whether a rule takes seconds."""
    kind, name, rule = item.rule.kind, item.subject.component.name, item.rule.name
    if rule in COMMON:
        return False
    return name in LARGE or (kind == "strategy" and rule not in QUICK)


def pytest_generate_tests(metafunc):
    catalogue = discover()
    parameters = []
    for kind in MODULES:
        for component in catalogue.components(kind):
            if not catalogue.provenance(component).distribution.startswith("mmbal"):
                continue
            for each in parametrize_with_rules(kind, component.name).mark.args[1]:
                marks = [*each.marks, *([pytest.mark.deep] if is_deep(each.values[0]) else [])]
                parameters.append(pytest.param(*each.values, id=each.id, marks=marks))
    metafunc.parametrize("rule", parameters)


def test_our_components_keep_the_rules(rule):
    if rule.subject.component.name == "modelnet40":
        pytest.importorskip("embreex")  # draws its sample
    rule()
