"""Our own components keep the rules: all that are installed."""

import pytest

from mmbal.registry.discovery import discover
from mmbal.testing import parametrize_with_rules
from mmbal.testing.rules import MODULES

COMMON = {"entry-point", "factory", "options"}
CHEAP = {
    "dataset": {"fingerprint", "bad-input", "augmentation"},
    "architecture": {
        "groups", "isolation", "keep", "blocked", "transform", "offers", "evaluation",
    },
    "optimizer": {"schedule"},
    "schedule": {"rates", "graph"},
    "recipe": {"settings", "needs"},
}  # fmt: skip
"""Rules that train and trace nothing; they are quick of all components but the slow ones."""
SHOWN = {
    "dataset": {"colored-digits", "planted"},  # examples of files, and drawn ones
    "architecture": {"late-concat", "mmtm-cnn"},  # fusion of logits, and of what branches hear
    # By isolation, by gradients, by what a step hears, and by what it keeps of steps.
    "strategy": {"guided", "mmpareto", "modality-dropout", "pmr"},
    "evaluation": {"accuracy", "calibration", "subsets", "utilization"},
    "callback": {"early-stopping"},
}
"""Components whose rules are quick, for their kind and its ways."""
DEEP = {
    "strategy": {"identity", "resume", "replicas", "graph", "precision", "three-modalities"},
    "callback": {"resume", "identity"},
}
"""Rules that are deep of those, too."""
SLOW = {"mmtm-resnet18", "mmtm-i3d", "nvgesture"}
"""Networks that take seconds to build, and videos."""
REPLICATED = {"mmpareto", "modality-dropout", "ogm-ge", "pmr"}
"""Strategies whose replicas are deep: by gradients, draws of each row, sums over the batch, state.

Those of guided ones are compared in `tests/distribution` and `tests/testing/fixtures`.
"""
SOAKED = {
    "mmtm-i3d": {
        "outputs", "keep", "takes", "transform", "saving", "precision", "empty-batch",
    },
    "colored-digits": {"sample"},
    "colored-fashion-mnist": {"sample"},
    "modelnet40": {"sample"},
    "nvgesture": {"sample"},
    "gradient-blending": {
        "requirements", "effect", "eager", "precision", "replicas", "three-modalities",
    },
}  # fmt: skip
"""What takes longest, and is shown by components that are quicker."""


def reach(item):
    """Return the marks of a rule by what it takes."""
    component, rule = item.subject.component, item.rule.name
    kind, name = component.kind, component.name
    if rule in SOAKED.get(name, ()) or (rule == "replicas" and name not in REPLICATED):
        return [pytest.mark.soak]
    cheap = rule in CHEAP.get(kind, ()) and name not in SLOW
    shown = name in SHOWN.get(kind, ()) and rule not in DEEP.get(kind, ())
    return [] if rule in COMMON or cheap or shown else [pytest.mark.deep]


def pytest_generate_tests(metafunc):
    if "rule" not in metafunc.fixturenames:
        return
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


def test_every_kind_with_dear_rules_has_components_that_keep_all_of_them():
    catalogue = discover()
    for kind, names in SHOWN.items():
        assert names <= {each.name for each in catalogue.components(kind)}
    assert {each.name for each in catalogue.components("strategy")} >= REPLICATED
