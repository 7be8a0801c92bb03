"""What a rule is, and how its check says what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

MODULES = {
    "dataset": "mmbal.testing.datasets",
    "architecture": "mmbal.testing.architectures",
    "strategy": "mmbal.testing.strategies",
}
"""Kind of component to the module with its `RULES` and the `SUBJECT` that these are asked of."""
Check = Callable[[Any], None]


class Broken(Exception):  # noqa: N818  (what is wrong is the plugin, not the check)
    """A rule is not kept; the message says what was found."""


class Inapplicable(Exception):  # noqa: N818  (nothing is wrong)
    """A rule asks for something that the component does not promise; the message says what."""


@dataclass(frozen=True)
class Rule:
    """One promise of the contract.

    Args:
        name: for `-k` and `--rule`.
        promise: what must hold, in one sentence.
        why: what goes wrong where it does not.
        fix: what usually helps.
        check: called with a `Subject`; raises `Broken` or `Inapplicable`.
    """

    name: str
    promise: str
    why: str
    fix: str
    check: Check


class Rulebook(dict[str, Rule]):
    """Rules by name, in their order."""

    def rule(self, *, why: str, fix: str) -> Callable[[Check], Check]:
        """Make a rule of a check: named as the function, promising its docstring's first line."""

        def add(check: Check) -> Check:
            name = check.__name__.replace("_", "-")
            promise = (check.__doc__ or "").strip().splitlines()[0]
            self[name] = Rule(name, promise, why, fix, check)
            return check

        return add


def rulebook(kind: str) -> dict[str, Rule]:
    """Return the rules for a kind of components, those of all kinds first."""
    from mmbal.testing.components import RULES

    return {**RULES, **import_module(MODULES[kind]).RULES}


def require(condition: object, found: str) -> None:
    """Raise `Broken` unless the condition holds."""
    if not condition:
        raise Broken(found)
