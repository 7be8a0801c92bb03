"""The rules as pytest items: one per rule, to be picked with `-k` and `-m mmbal_rule`.

pytest loads this module whenever it starts where mmbal is installed, so it imports nothing heavy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mmbal.testing.rules import Rule
    from mmbal.testing.subject import Subject
    from mmbal.testing.toy_run import ToySteps

MARK = "mmbal_rule"


@dataclass(frozen=True)
class Item:
    """One rule for one component, as a test calls it."""

    subject: "Subject"
    rule: "Rule"

    def __call__(self) -> None:
        """Check; fail with what is wrong, why it matters and what helps."""
        __tracebackhide__ = True
        from mmbal.testing.rules import examine

        rule, component = self.rule, self.subject.component
        finding = examine(self.subject, rule)
        if finding.status == "skipped":
            pytest.skip(finding.message)
        if finding.status == "failed":
            text = (
                f"{component.kind} {component.name} breaks the rule {rule.name!r}: "
                f"{finding.message}\nrule: {rule.promise}\nwhy: {rule.why}\nfix: {finding.remedy}"
            )
            if finding.cause is not None:
                raise AssertionError(text) from finding.cause
            pytest.fail(text, pytrace=False)


def parametrize_with_rules(
    kind: str,
    what: Any,
    *,
    options: Mapping[str, Any] | None = None,
    known: Mapping[str, str] | None = None,
    **places: Any,
) -> Callable[..., Any]:
    """Return a decorator that gives a test one item per rule, as its argument `rule`.

    Example:
        @parametrize_with_rules("strategy", "mine", options={"window": 1})
        def test_mine(rule):
            rule()

    Args:
        kind: of a component, or "recipe".
        what: the name of what is installed, a `Component` or `Recipe`, or a factory as `Component`
            says.
        options: of the component, over those of its `Component.conformance`.
        known: rule that is not kept to the reason; its item is a strict xfail, beside those that
            the component declares.
        **places: `data_dir` of a dataset, `shapes` of an architecture's inputs, as of
            `mmbal.testing.Subject`.

    Raises:
        MmbalError: there is no such component, option or rule.
    """
    from mmbal.testing.rules import rulebook
    from mmbal.testing.subject import subject_of

    subject = subject_of(kind, what, options or {}, **places)
    reasons = {**subject.component.conformance.known, **(known or {})}
    parameters = []
    for rule in rulebook(kind, reasons).values():
        marks = [getattr(pytest.mark, MARK)]
        if rule.name in reasons:
            marks.append(pytest.mark.xfail(reason=reasons[rule.name], strict=True))
        name = f"{subject.component.name}-{rule.name}"
        parameters.append(pytest.param(Item(subject, rule), id=name, marks=marks))
    return pytest.mark.parametrize("rule", parameters)


@pytest.fixture(scope="module")
def toy_steps() -> "ToySteps":
    """Return what trains toys for a step or two; it remembers joint training for a module."""
    from mmbal.testing.toy_run import ToySteps

    return ToySteps()


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the mark."""
    text = f"{MARK}: a rule of mmbal's contract (mmbal.testing)"
    config.addinivalue_line("markers", text)
