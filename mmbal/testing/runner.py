"""Runs the rules on a component."""

import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mmbal.errors import MmbalError, first_line, unknown
from mmbal.laboratory.finding import Finding, Status
from mmbal.testing.components import RULES as COMMON
from mmbal.testing.rules import Broken, Inapplicable, Rule, rulebook
from mmbal.testing.subject import Subject


def check(
    subject: Subject, names: Iterable[str] = (), known: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Check one component; yield a finding per rule, named as it.

    Args:
        subject: to check.
        names: of the rules; none for all of them.
        known: rule to the reason why it is not kept, beside those the component declares.

    Raises:
        MmbalError: there is no such rule.
    """
    reasons = {**subject.known, **(known or {})}
    for rule in chosen(subject.component.kind, names, reasons):
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
    status, message, cause = _outcome(subject, rule)
    remedy = rule.fix
    if cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        own = [frame for frame in frames if subject.owns(frame.filename)]
        place = _place(own or frames)
        if own and not isinstance(cause, MmbalError):
            remedy = f"mend what is raised at {place}; pytest shows the whole traceback"
        message = _as_line(cause, place)
    if reason and status == "failed":
        status, message = "known", reason
    elif reason and status == "ok":
        status, message = "failed", f"it is kept, but declared as a known failure ({reason})"
    return Finding(rule.name, status, message, remedy, time.monotonic() - began, cause)


def _outcome(subject: Subject, rule: Rule) -> tuple[Status, str, BaseException | None]:
    try:
        if rule.name not in COMMON:
            subject.bench.factory()
        with subject.bench.around():
            rule.check(subject.bench)
    except Inapplicable as reason:
        return "skipped", str(reason), None
    except Broken as broken:
        return "failed", str(broken), None
    # SystemExit too: code under test may do anything, and the other rules still count.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return "failed", "", error
    return "ok", "", None


def _as_line(error: BaseException, place: str) -> str:
    """Return an error as one line, with the place it was raised at."""
    if isinstance(error, MmbalError):
        return " ".join(str(error).split())
    return f"it raises {first_line(error)}" + (f" ({place})" if place else "")


def _place(frames: Sequence[traceback.FrameSummary]) -> str:
    """Return file:line of the innermost frame."""
    return "".join(f"{frame.filename}:{frame.lineno}" for frame in frames[-1:])
