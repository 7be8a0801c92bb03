"""Runs the rules on a component."""

import time
import traceback
from collections.abc import Iterable, Iterator

from mmbal.errors import MmbalError, first_line, unknown
from mmbal.laboratory.finding import Finding, Status
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import Broken, Inapplicable, Rule, rulebook
from mmbal.testing.subject import Subject


def check(subject: Subject, names: Iterable[str] = ()) -> Iterator[Finding]:
    """Check one component; yield a finding per rule, named as it.

    Args:
        subject: to check.
        names: of the rules; none for all of them.

    Raises:
        MmbalError: there is no such rule, or none of a name in `Component.conformance.known`.
    """
    names, known = list(names), subject.component.conformance.known
    for rule in rules_of(subject, [*names, *known]):
        if rule.name in names or not names:
            yield examine(subject, rule, known.get(rule.name, ""))


def rules_of(subject: Subject, mentioned: Iterable[str] = ()) -> list[Rule]:
    """Return all rules for a component, in the order of the rulebook.

    Raises:
        MmbalError: there is no rule of a name that was mentioned.
    """
    kind = subject.component.kind
    book = rulebook(kind)
    for name in mentioned:
        if name not in book:
            raise MmbalError(unknown(f"rule of a {kind}", name, book))
    return list(book.values())


def examine(subject: Subject, rule: Rule, reason: str = "") -> Finding:
    """Check one rule; a `reason` says why it is known not to be kept."""
    began = time.monotonic()
    status, message, cause = _outcome(subject, rule)
    remedy = rule.fix
    if isinstance(cause, MmbalError):
        message = " ".join(str(cause).split())
    elif cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        own = [frame for frame in frames if subject.owns(frame.filename)]
        where = "".join(f"{frame.filename}:{frame.lineno}" for frame in (own or frames)[-1:])
        message = f"it raises {first_line(cause)}" + (f" ({where})" if where else "")
        if own:
            remedy = f"mend what is raised at {where}; pytest shows the whole traceback"
    if reason and status == "failed":
        status, message = "known", reason
    elif reason and status == "ok":
        status, message = "failed", f"it is kept, but declared as a known failure ({reason})"
    return Finding(rule.name, status, message, remedy, time.monotonic() - began, cause)


def _outcome(subject: Subject, rule: Rule) -> tuple[Status, str, BaseException | None]:
    try:
        with subject.examining(rule.name):
            if rule.name not in COMMON:
                subject.factory()
            rule.check(subject)
    except Inapplicable as reason:
        return "skipped", str(reason), None
    except Broken as broken:
        return "failed", str(broken), None
    # SystemExit too: code under test may do anything, and the other rules still count.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return "failed", "", error
    return "ok", "", None
