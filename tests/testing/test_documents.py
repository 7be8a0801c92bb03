"""The pages on the contract and on the rules say what the code says."""

import dataclasses
from pathlib import Path

import pytest

from mmbal import Component, Conformance, Recipe, Strategy
from mmbal.capabilities import CAPABILITIES
from mmbal.data import MultimodalDataset
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import Outputs
from mmbal.registry.component import KINDS
from mmbal.registry.discovery import HOOKS
from mmbal.strategies.context import Context
from mmbal.strategies.strategy import EpochPlan, Requirements
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import MODULES, rulebook

DOCS = Path(__file__).parents[2] / "docs"
CONTRACT = (DOCS / "contract.md").read_text(encoding="utf-8")
RULES = (DOCS / "conformance.md").read_text(encoding="utf-8")


def row(rule):
    """Return a rule as the page shows it."""
    return f"| `{rule.name}` | {rule.promise} | {rule.why} | {rule.fix} |"


def rows_below(heading):
    section = RULES.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_the_rules_of_all_kinds_have_their_rows():
    assert rows_below("All kinds") == list(map(row, COMMON.values()))


@pytest.mark.parametrize("kind", MODULES)
def test_every_rule_has_its_row_and_no_other(kind):
    rows = [row(rule) for rule in rulebook(kind).values() if rule.name not in COMMON]
    heading = {"strategy": "Strategies"}.get(kind, f"{kind.capitalize()}s")
    assert rows_below(heading) == rows


def test_capabilities_are_those_of_the_code():
    section = CONTRACT.partition("## Capabilities\n")[2].partition("\n## ")[0]

    rows = [f"| `{name}` | {meaning} |" for name, meaning in CAPABILITIES.items()]
    assert [line for line in section.splitlines() if line.startswith("| `")] == rows


def test_seams_are_those_of_the_code_in_the_order_of_a_step():
    section = CONTRACT.partition("## Strategies\n")[2]
    seams = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]

    assert set(seams) == {name for name in vars(Strategy) if not name.startswith("_")}
    step = ["phases", "forward", "losses", "combine_gradients", "after_step"]
    assert [seam for seam in seams if seam in step] == step


@pytest.mark.parametrize(
    "described",
    [Component, Recipe, Context, Requirements, EpochPlan, MultimodalDataset, VariableGroups],
)
def test_fields_are_named(described):
    assert [f.name for f in dataclasses.fields(described) if f"`{f.name}`" not in CONTRACT] == []


def test_other_names_are_there():
    names = [*Outputs._fields, *HOOKS]
    assert [name for name in names if f"`{name}`" not in CONTRACT] == []
    assert [kind for kind in KINDS if f"\n| {kind} | `factory(" not in CONTRACT] == []
    fields = dataclasses.fields(Conformance)
    assert [f.name for f in fields if f"\n| `{f.name}` |" not in RULES] == []
