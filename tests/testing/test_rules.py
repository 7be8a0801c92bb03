"""Every rule is broken by a component that breaks no other, and kept by a sound one."""

import broken_callbacks
import broken_datasets
import broken_evaluations
import broken_networks
import broken_optimizers
import broken_recipes
import broken_schedules
import broken_strategies
import pytest

from mmbal.testing import check, subject_of
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import MODULES, rulebook

BOOKS = {
    "dataset": broken_datasets,
    "architecture": broken_networks,
    "strategy": broken_strategies,
    "optimizer": broken_optimizers,
    "schedule": broken_schedules,
    "evaluation": broken_evaluations,
    "callback": broken_callbacks,
    "recipe": broken_recipes,
}
CHEAP = {
    "architecture": {"groups", "keep", "offers", "evaluation"},
    "optimizer": {"schedule"},
    "schedule": set(rulebook("schedule")),
    "evaluation": set(rulebook("evaluation")),
    "recipe": {"settings", "needs"},
}
"""Rules that cost next to nothing: every broken component is put to them."""

DEAR = {"forgetful", "local", "counting", "mixing", "narrow", "single"}
"""Components whose broken rule takes a run of its own, or other processes; the last three, whose
dtypes clash, are quick in test_faults.py."""


def outcomes(kind, name, rules=()):
    """Return what came of the rules: their names by status; of failures, what was found."""
    found = {"failed": {}, "skipped": []}
    for finding in check(subject_of(kind, BOOKS[kind].OFFERS[name]), rules):
        if finding.status == "failed":
            found["failed"][finding.name] = finding.message
        elif finding.status == "skipped" and finding.name != "entry-point":
            found["skipped"].append(finding.name)
    return found


def broken(*kinds):
    """Return a parameter per broken component: its kind, its name and the rule that it breaks."""
    return [
        pytest.param(
            kind, name, rule, id=f"{kind}-{name}", marks=[pytest.mark.deep] * (name in DEAR)
        )
        for kind in kinds
        for name, rule in BOOKS[kind].BREAKS.items()
    ]


@pytest.mark.parametrize(("kind", "name", "rule"), broken(*BOOKS))
def test_a_broken_component_breaks_its_rule_and_no_cheap_one(kind, name, rule):
    failed = outcomes(kind, name, {rule, *CHEAP.get(kind, ())})["failed"]

    assert list(failed) == [rule], failed


@pytest.mark.parametrize(
    ("kind", "name", "rule"),
    [
        pytest.param(*each.values, id=each.id, marks=mark)
        for kind, mark in {
            "dataset": pytest.mark.deep,
            "architecture": pytest.mark.soak,
            "strategy": pytest.mark.soak,
            "optimizer": pytest.mark.deep,
            "callback": pytest.mark.deep,
        }.items()
        for each in broken(kind)
    ],
)
def test_a_broken_component_breaks_its_rule_alone(kind, name, rule):
    failed = outcomes(kind, name)["failed"]

    assert list(failed) == [rule], failed


@pytest.mark.parametrize("kind", MODULES)
def test_every_rule_is_proven(kind):
    assert set(BOOKS[kind].BREAKS.values()) == set(rulebook(kind)) - set(COMMON)


@pytest.mark.parametrize(
    ("kind", "name", "skipped"),
    [
        ("dataset", "sound", ["augmentation"]),
        ("dataset", "mirrored", []),
        ("architecture", "gated", ["takes"]),
        ("architecture", "late", ["isolation", "blocked", "takes"]),
        ("architecture", "choosy", []),
        pytest.param(
            "strategy", "refusing", ["identity", "three-modalities"], marks=pytest.mark.soak
        ),
        ("optimizer", "plain", []),
        ("schedule", "falling", []),
        ("evaluation", "sound", []),
        ("evaluation", "refusing", ["modalities"]),
        pytest.param("callback", "counting", ["identity"], marks=pytest.mark.deep),
        ("callback", "waiting", []),
        pytest.param("recipe", "sound", ["needs"], marks=pytest.mark.deep),
        pytest.param("recipe", "needing", [], marks=pytest.mark.deep),
    ],
)
def test_a_sound_component_breaks_none(kind, name, skipped):
    found = outcomes(kind, name)

    assert found == {"failed": {}, "skipped": skipped}


def test_a_strategy_that_refuses_in_words_breaks_no_rule():
    skipped = ["identity", "three-modalities"]

    assert outcomes("strategy", "refusing", skipped) == {"failed": {}, "skipped": skipped}


def test_a_full_disk_breaks_no_rule(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    subject = subject_of("dataset", broken_datasets.OFFERS[next(iter(broken_datasets.OFFERS))])
    monkeypatch.setattr("mmbal.testing.subject.mkdtemp", full)
    with pytest.raises(OSError, match="No space left"):
        list(check(subject))
