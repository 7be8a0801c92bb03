"""The self-test: what several devices train is what one device trains."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from mmbal.doctor.agreement import Arrays, below, identical, largest_differences
from mmbal.doctor.finding import Finding
from mmbal.doctor.layouts import AGAIN, SECONDS, TOLERANCES, Layout
from mmbal.doctor.processes import Team, run_all

_FOUND = "found.npz"
_ONE_DEVICE = "train on one device (--distribute none) until this is solved"
_REPORT = "please report it with the output of `mmbal doctor --json`"


@dataclass(frozen=True)
class Training:
    """What a layout has trained.

    Args:
        layout: that was asked to.
        arrays: by name, see `mmbal.doctor.selftest`.
        failure: why there are none, in one line.
    """

    layout: Layout
    arrays: Arrays = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Agreement:
    """How far a layout's training is from that on one device.

    Args:
        layout: its name.
        dtype: of weights and data.
        differences: the largest by kind, relative to the largest entry of each array.
        tolerance: what is still rounding.
    """

    layout: str
    dtype: str
    differences: Mapping[str, float]
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether no difference is more than rounding."""
        return all(each <= self.tolerance for each in self.differences.values())

    @property
    def worst(self) -> str:
        """The kind that differs most."""
        return max(self.differences, key=lambda kind: self.differences[kind])


def train(
    layouts: Iterable[Layout],
    batches: Sequence[int],
    folder: Path,
    at_once: int,
    notice: Callable[[str], None],
) -> dict[str, Training]:
    """Train every layout in processes of its own; return what came of it by its name.

    Args:
        layouts: what to train on.
        batches: rows of each batch.
        folder: for files, as long as it takes.
        at_once: how many layouts at a time.
        notice: told of every layout that is done.
    """
    found: dict[str, Training] = {}
    teams: dict[Team, Layout] = {}
    for number, layout in enumerate(layouts):
        place = folder / str(number)
        commands = partial(layout.commands, batches, place / _FOUND)
        teams[Team(layout.name, commands, place, SECONDS)] = layout
    notice(f"training on {', '.join(team.name for team in teams)}")

    def ended(team: Team) -> None:
        notice(f"{team.name}: {team.failure or f'done after {team.took:.1f} seconds'}")
        found[team.name] = _read(teams[team], team)

    run_all(teams, at_once, ended)
    return found


def _read(layout: Layout, team: Team) -> Training:
    if team.failure:
        return Training(layout, failure=team.failure)
    with np.load(team.folder / _FOUND) as file:
        arrays = dict(file)
    replicas = int(arrays.pop("replicas"))
    if replicas != layout.replicas:  # one device would agree with itself
        wrong = f"trained on {replicas} replicas, not on {layout.replicas}"
        return Training(layout, failure=wrong)
    return Training(layout, arrays)


def repeats(training: Training) -> Finding:
    """Report whether the two trainings of a layout are the same to the last bit."""
    name, device = "determinism", training.layout.name
    if training.failure:
        wrong = f"the process that trains on {device} {training.failure}"
        return Finding(name, "failed", wrong, f"leave `deterministic` off; {_REPORT}")
    first, second = (below(training.arrays, attempt) for attempt in ("float32", AGAIN))
    if not identical(first, second):
        apart = largest_differences(first, second)
        worst = max(apart, key=lambda kind: apart[kind])
        wrong = f"{device}: two trainings differ, {worst} by {apart[worst]:.1e}"
        return Finding(name, "failed", wrong, f"do not count on `deterministic`; {_REPORT}")
    return Finding(name, "ok", f"{device}: two trainings are the same to the last bit")


def compare(reference: Training, others: Sequence[Training]) -> list[Agreement]:
    """Return how far what did not fail is from the reference."""
    return [
        Agreement(
            other.layout.name,
            dtype,
            largest_differences(below(reference.arrays, dtype), below(other.arrays, dtype)),
            tolerance,
        )
        for other in others
        if not (reference.failure or other.failure)
        for dtype, tolerance in TOLERANCES.items()
    ]


def judge(
    reference: Training, others: Sequence[Training], agreements: Sequence[Agreement]
) -> list[Finding]:
    """Return a finding per layout, the reference's only if it failed."""
    findings = [_failed(each) for each in (reference, *others) if each.failure]
    for layout in dict.fromkeys(each.layout for each in agreements):
        mine = [each for each in agreements if each.layout == layout]
        findings.append(_agreed(layout, reference.layout.name, mine))
    return findings


def _failed(training: Training) -> Finding:
    name = training.layout.name
    wrong = f"training on {name}: a process {training.failure}"
    remedy = _REPORT if training.layout.replicas == 1 else f"{_ONE_DEVICE}; {_REPORT}"
    return Finding(f"self-test, {name}", "failed", wrong, remedy)


def _agreed(layout: str, reference: str, agreements: Sequence[Agreement]) -> Finding:
    told = [
        f"{each.dtype} {each.worst} by {each.differences[each.worst]:.1e} "
        f"(tolerance {each.tolerance:g})"
        for each in agreements
        if not each.holds
    ]
    name = f"self-test, {layout}"
    if told:
        wrong = f"differs from {reference}: {', '.join(told)}"
        return Finding(name, "failed", wrong, f"{_ONE_DEVICE}; {_REPORT}")
    within = ", ".join(f"{each.dtype} to {each.differences[each.worst]:.1e}" for each in agreements)
    return Finding(name, "ok", f"agrees with {reference}: {within}")
