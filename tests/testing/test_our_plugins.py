"""Our own components keep the rules: all that are installed."""

import pytest

from mmbal.registry.discovery import discover
from mmbal.testing import parametrize_with_rules
from mmbal.testing.rules import MODULES

SLOW = {"mmtm-resnet18", "mmtm-i3d", "nvgesture", "gradient-blending"}
"""Networks that take seconds to build, videos, and trainings within a training."""
COMMON = {"entry-point", "factory", "options"}
QUICK = {
    "strategy": {"requirements", "training", "effect", "state", "eager"},  # two trainings in all
    "optimizer": {"schedule"},
    "callback": {"training"},
    "recipe": {"settings", "needs"},
}
"""Rules that cost little, of kinds that have others."""
SOAKED = {
    "mmtm-i3d": {"outputs", "saving", "precision", "empty-batch"},
    "colored-digits": {"sample"},
    "colored-fashion-mnist": {"sample"},
    "modelnet40": {"sample"},
    "nvgesture": {"sample"},
    "gradient-blending": {"effect", "eager", "precision", "replicas", "three-modalities"},
}
"""What takes longest, and is shown by components that are quicker."""


def reach(item):
    """Return the marks of a rule by what it takes."""
    component, rule = item.subject.component, item.rule.name
    kind, name = component.kind, component.name
    if rule in SOAKED.get(name, ()):
        return [pytest.mark.soak]
    quick = name not in SLOW and (kind not in QUICK or rule in QUICK[kind])
    return [] if quick or rule in COMMON else [pytest.mark.deep]


def pytest_generate_tests(metafunc):
    catalogue = discover()
    parameters = []
    for kind in MODULES:
        for component in catalogue.recipes() if kind == "recipe" else catalogue.components(kind):
            if not catalogue.provenance(component).distribution.startswith("mmbal"):
                continue
            for each in parametrize_with_rules(kind, component.name).mark.args[1]:
                marks = [*each.marks, *reach(*each.values)]
                parameters.append(pytest.param(*each.values, id=each.id, marks=marks))
    metafunc.parametrize("rule", parameters)


def test_our_components_keep_the_rules(rule):
    if rule.subject.component.name == "modelnet40" and rule.rule.name not in COMMON:
        pytest.importorskip("embreex")  # draws its sample
    rule()
