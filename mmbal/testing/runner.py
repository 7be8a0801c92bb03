"""Runs the rules on a component."""

import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mmbal.errors import MmbalError, unknown
from mmbal.registry.catalogue import first_line
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import Broken, Inapplicable, Rule, rulebook
from mmbal.testing.subject import Subject

Status = Literal["ok", "failed", "known", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What came of one rule.

    Args:
        kind: of the component.
        component: its name.
        rule: name of the rule.
        status: "known" for a failure that was declared with a reason, "skipped" for a rule
            that asks for nothing the component promises.
        found: what is wrong, or why it is known or skipped; "" where the rule is kept.
        promise, why: of the rule.
        fix: of the rule, or where to look where code of the plugin raised something.
        seconds: it took.
        cause: what the plugin's code raised, or None.
    """

    kind: str
    component: str
    rule: str
    status: Status
    found: str
    promise: str
    why: str
    fix: str
    seconds: float
    cause: BaseException | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Say what is wrong, why it matters and what helps."""
        title = f"{self.kind} {self.component} breaks the rule {self.rule!r}: {self.found}"
        return f"{title}\nrule: {self.promise}\nwhy: {self.why}\nfix: {self.fix}"


def check(
    subject: Subject, names: Iterable[str] = (), known: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Check one component, a rule at a time.

    Args:
        subject: to check.
        names: of the rules; none for all of them.
        known: rule to the reason why it is not kept, beside those the component declares.

    Raises:
        MmbalError: there is no such rule.
    """
    reasons = {**subject.known, **(known or {})}
    rules = chosen(subject.component.kind, names, reasons)
    subject.expected = frozenset(rule.name for rule in rules)
    for rule in rules:
        yield examine(subject, rule, reasons.get(rule.name, ""))


def chosen(kind: str, names: Iterable[str], known: Mapping[str, str]) -> list[Rule]:
    """Return the rules of these names, or all, in the order of the rulebook.

    Raises:
        MmbalError: there is no rule of some name.
    """
    book, names = rulebook(kind), list(names)
    for name in (*names, *known):
        if name not in book:
            raise MmbalError(unknown(f"rule of a {kind}", name, book))
    return [rule for rule in book.values() if rule.name in (names or book)]


def examine(subject: Subject, rule: Rule, reason: str = "") -> Finding:
    """Check one rule; a `reason` says why it is known not to be kept."""
    began = time.monotonic()
    cause: BaseException | None = None
    status, found = _outcome(subject, rule)
    fix = rule.fix
    if isinstance(found, BaseException):
        cause = found
        frames = traceback.extract_tb(cause.__traceback__)
        own = [frame for frame in frames if subject.owns(frame.filename)]
        place = _place(own or frames)
        if own and not isinstance(cause, MmbalError):
            fix = f"mend what is raised at {place}; pytest shows the whole traceback"
        found = _said(cause, place)
    if reason and status == "failed":
        status, found = "known", reason
    elif reason and status == "ok":
        status, found = "failed", f"it is kept, but declared as a known failure ({reason})"
    return Finding(
        kind=rule.kind,
        component=subject.component.name,
        rule=rule.name,
        status=status,
        found=found,
        promise=rule.promise,
        why=rule.why,
        fix=fix,
        seconds=time.monotonic() - began,
        cause=cause,
    )


def _outcome(subject: Subject, rule: Rule) -> tuple[Status, str | BaseException]:
    try:
        if rule.name not in COMMON:
            subject.bench.factory()
        subject.bench.begin()
        with subject.bench.around():
            rule.check(subject.bench)
    except Inapplicable as reason:
        return "skipped", str(reason)
    except Broken as broken:
        return "failed", str(broken)
    # SystemExit too: code under test may do anything, and the other rules still count.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return "failed", error
    return "ok", ""


def _said(error: BaseException, place: str) -> str:
    """Return an error as one line, with the place it was raised at."""
    if isinstance(error, MmbalError):
        return " ".join(str(error).split())
    return f"it raises {first_line(error)}" + (f" ({place})" if place else "")


def _place(frames: Sequence[traceback.FrameSummary]) -> str:
    """Return file:line of the innermost frame."""
    return "".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-1:])
