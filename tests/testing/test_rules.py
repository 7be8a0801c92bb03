"""Every rule is broken by a component that breaks no other, and kept by a sound one."""

import broken_datasets
import broken_networks
import broken_strategies
import pytest

from mmbal.testing import check, subject_of
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import MODULES, rulebook

BOOKS = {
    "dataset": broken_datasets,
    "architecture": broken_networks,
    "strategy": broken_strategies,
}
BROKEN = [(kind, name) for kind, module in BOOKS.items() for name in module.BREAKS]


def outcomes(kind, name):
    """Return what came of the rules: their names by status; of failures, what was found."""
    found = {"failed": {}, "skipped": []}
    for finding in check(subject_of(kind, BOOKS[kind].OFFERS[name])):
        if finding.status == "failed":
            found["failed"][finding.rule] = finding.found
        elif finding.status == "skipped" and finding.rule != "entry-point":
            found["skipped"].append(finding.rule)
    return found


@pytest.mark.parametrize(("kind", "name"), BROKEN, ids=[f"{kind}-{name}" for kind, name in BROKEN])
def test_a_broken_component_breaks_its_rule_alone(kind, name):
    failed = outcomes(kind, name)["failed"]

    assert list(failed) == [BOOKS[kind].BREAKS[name]], failed


@pytest.mark.parametrize("kind", MODULES)
def test_every_rule_is_proven(kind):
    assert set(BOOKS[kind].BREAKS.values()) == set(rulebook(kind)) - set(COMMON)


@pytest.mark.parametrize(
    ("kind", "name", "skipped"),
    [
        ("dataset", "sound", ["augmentation"]),
        ("dataset", "mirrored", []),
        ("architecture", "gated", []),
        ("architecture", "late", ["isolation", "blocked"]),
        ("architecture", "choosy", []),
        ("strategy", "refusing", ["identity", "three-modalities"]),
    ],
)
def test_a_sound_component_breaks_none(kind, name, skipped):
    found = outcomes(kind, name)

    assert found == {"failed": {}, "skipped": skipped}
