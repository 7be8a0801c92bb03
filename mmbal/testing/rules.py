"""What a rule is, and how a component is checked by it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmbal.errors import MmbalError, is_environmental, unknown
from mmbal.laboratory.finding import Finding, Status

if TYPE_CHECKING:
    from mmbal.testing.subject import Subject

MODULES = {
    "dataset": "mmbal.testing.datasets",
    "architecture": "mmbal.testing.architectures",
    "strategy": "mmbal.testing.strategies",
    "optimizer": "mmbal.testing.optimizers",
    "schedule": "mmbal.testing.schedules",
    "evaluation": "mmbal.testing.evaluations",
    "callback": "mmbal.testing.callbacks",
    "recipe": "mmbal.testing.recipes",
}
"""Kind, "recipe" too, to the module with its `RULES` and the `SUBJECT` that these are asked of."""
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


def rulebook(kind: str, mentioned: Iterable[str] = ()) -> dict[str, Rule]:
    """Return the rules for a kind of components, those of all kinds first.

    Raises:
        MmbalError: there is no rule of a name that was mentioned.
    """
    from mmbal.testing.components import RULES

    common = {name: RULES[name] for name in RULES if kind != "recipe" or name == "entry-point"}
    book: dict[str, Rule] = {**common, **import_module(MODULES[kind]).RULES}
    for name in mentioned:
        if name not in book:
            raise MmbalError(unknown(f"rule of a {kind}", name, book))
    return book


def require(condition: object, found: str) -> None:
    """Raise `Broken` unless the condition holds."""
    if not condition:
        raise Broken(found)


def check(subject: "Subject", names: Iterable[str] = ()) -> Iterator[Finding]:
    """Check one component; yield a finding per rule, named as it.

    Args:
        subject: to check.
        names: of the rules; none for all of them.

    Raises:
        MmbalError: there is no such rule, or none of a name in `Component.conformance.known`.
    """
    names, known = list(names), subject.component.conformance.known
    for rule in rulebook(subject.component.kind, [*names, *known]).values():
        if rule.name in names or not names:
            yield examine(subject, rule, known.get(rule.name, ""))


def examine(subject: "Subject", rule: Rule, reason: str = "") -> Finding:
    """Check one rule; a `reason` says why it is known not to be kept."""
    from mmbal.testing.faults import clash, explain

    began = time.monotonic()
    status, message, cause = _outcome(subject, rule)
    remedy = ""
    if cause is not None and (not message or clash(cause)):
        message, remedy = explain(subject, cause)
    if reason and status == "failed":
        status, message = "known", reason
    elif reason and status == "ok":
        status, message = "failed", f"it is kept, but declared as a known failure ({reason})"
    return Finding(rule.name, status, message, remedy or rule.fix, time.monotonic() - began, cause)


def _outcome(subject: "Subject", rule: Rule) -> tuple[Status, str, BaseException | None]:
    from mmbal.testing.subject import unchanged

    subject.examined = rule.name
    try:
        with unchanged():
            if rule.name not in ("entry-point", "factory"):
                subject.factory()
            rule.check(subject)
    except Inapplicable as reason:
        return "skipped", str(reason), None
    except Broken as broken:
        return "failed", str(broken), broken.__cause__
    # SystemExit too: code under test may do anything, and the other rules still count.
    except (Exception, SystemExit) as error:
        if is_environmental(error):
            raise
        return "failed", "", error
    return "ok", "", None
