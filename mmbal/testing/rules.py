"""What a rule is, and how its check says what it found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from mmbal.errors import MmbalError, unknown

FIRST = "mmbal.testing.components"
"""The module with the rules of all kinds: checked before the others, which need its `factory`."""
MODULES = {
    "dataset": "mmbal.testing.datasets",
    "architecture": "mmbal.testing.architectures",
    "strategy": "mmbal.testing.strategies",
}
"""Kind of component to the module with its rules, imported when they are asked for."""
BENCHES = {
    "dataset": "mmbal.testing.fixtures.dataset:DatasetBench",
    "architecture": "mmbal.testing.fixtures.architecture:ArchitectureBench",
    "strategy": "mmbal.testing.fixtures.strategy:StrategyBench",
}
"""What the checks are called with, made of a `Subject`."""
Check = Callable[[Any], None]


class Broken(Exception):  # noqa: N818  (what is wrong is the plugin, not the check)
    """A rule is not kept; the message says what was found."""


class Inapplicable(Exception):  # noqa: N818  (nothing is wrong)
    """A rule asks for something that the component does not promise; the message says what."""


@dataclass(frozen=True)
class Rule:
    """One promise of the contract.

    Args:
        kind: of the components that make it.
        name: for `-k` and `--rule`.
        promise: what must hold, in one sentence.
        why: what goes wrong where it does not.
        fix: what usually helps.
        check: called with the bench of a component; raises `Broken` or `Inapplicable`.
    """

    kind: str
    name: str
    promise: str
    why: str
    fix: str
    check: Check


class Rulebook(dict[str, Rule]):
    """The rules of one kind by name, in their order."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def rule(self, *, why: str, fix: str) -> Callable[[Check], Check]:
        """Make a rule of a check: named as the function, promising its docstring's first line."""

        def take_in(check: Check) -> Check:
            name = check.__name__.replace("_", "-")
            promise = (check.__doc__ or "").strip().splitlines()[0]
            self[name] = Rule(self.kind, name, promise, why, fix, check)
            return check

        return take_in


def rulebook(kind: str) -> Rulebook:
    """Return the rules for a kind of components.

    Raises:
        MmbalError: there are none.
    """
    if kind not in MODULES:
        raise MmbalError(f"there are no rules for it: {unknown('kind', kind, MODULES)}")
    book = Rulebook(kind)
    for module in (FIRST, MODULES[kind]):
        rules: Rulebook = import_module(module).RULES
        book.update({name: replace(rule, kind=kind) for name, rule in rules.items()})
    return book


def require(condition: object, found: str) -> None:
    """Raise `Broken` unless the condition holds."""
    if not condition:
        raise Broken(found)
