"""The self-test: what several devices train is what one device trains."""

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from mmbal.laboratory.difference import Arrays, below, difference
from mmbal.laboratory.finding import Finding
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import PAUSE, Training

KINDS = ("weights", "speeds", "isolated", "optimizer", "metrics")
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
"""Largest difference that is still rounding, relative to the largest entry of a kind."""
AGAIN = "again"
"""Name of the second training in float32."""
_ONE_DEVICE = "train on one device (--distribute none) until this is solved"
_REPORT = "please report it with the output of `mmbal doctor --json`"


@dataclass(frozen=True)
class Agreement:
    """How far a layout's training is from that on one device.

    Args:
        layout: its name.
        dtype: of weights and data.
        differences: the largest by kind, relative to the largest entry of its arrays.
        tolerance: what is still rounding.
    """

    layout: str
    dtype: str
    differences: Mapping[str, float]
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether no difference is more than rounding."""
        return self.largest <= self.tolerance

    @property
    def largest(self) -> float:
        """The difference of the kind that differs most."""
        return self.differences[self.worst]

    @property
    def worst(self) -> str:
        """The kind that differs most."""
        return max(self.differences, key=lambda kind: self.differences[kind])


def train(
    layouts: Collection[Layout],
    batches: Sequence[int],
    at_once: int,
    notice: Callable[[str], None],
) -> dict[str, Training]:
    """Train on every layout in processes of its own; return what came of it by its name.

    Args:
        layouts: what to train on.
        batches: rows of each batch.
        at_once: how many layouts at a time.
        notice: told of every layout that is done.
    """
    notice(f"training on {', '.join(layout.name for layout in layouts)}")
    waiting, running = deque(layouts), list[Training]()
    trained: dict[str, Training] = {}
    with ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(stack.enter_context(_begin(waiting.popleft(), batches)))
            for training in filter(Training.has_ended, list(running)):
                running.remove(training)
                name, done = training.layout.name, f"done after {training.took:.1f} seconds"
                notice(f"{name}: {training.failure or done}")
                trained[name] = training
            time.sleep(PAUSE)
    return trained


def _begin(layout: Layout, batches: Sequence[int]) -> Training:
    """Begin to train; on one device in float32 again, all with deterministic operations."""
    trainings = {dtype: dtype for dtype in TOLERANCES}
    repeated = layout.replicas == 1
    if repeated:
        trainings[AGAIN] = "float32"
    setting = {"trainings": trainings, "deterministic": repeated, "batches": list(batches)}
    return Training(layout, "mmbal.doctor.selftest:train", setting)


def largest_differences(reference: Arrays, other: Arrays) -> dict[str, float]:
    """Return the largest difference by kind; infinite where an array is missing, or all are.

    Args:
        reference: arrays by `KIND/...`.
        other: the same of another training.
    """
    differences = dict.fromkeys(KINDS, np.inf)
    for kind in KINDS:
        one, two = below(reference, kind), below(other, kind)
        if one and one.keys() == two.keys():
            differences[kind] = difference(list(one.values()), [two[name] for name in one])
    return differences


def repeats(trained: Training) -> Finding:
    """Report whether the two trainings of a layout are the same to the last bit."""
    name, device = "determinism", trained.layout.name
    if trained.failure:
        wrong = f"the process that trains on {device} {trained.failure}"
        return Finding(name, "failed", wrong, f"leave `deterministic` off; {_REPORT}")
    first, second = (below(trained.arrays, attempt) for attempt in ("float32", AGAIN))
    if _bits(first) != _bits(second):
        apart = largest_differences(first, second)
        worst = max(apart, key=lambda kind: apart[kind])
        wrong = f"{device}: two trainings differ, {worst} by {apart[worst]:.1e}"
        return Finding(name, "failed", wrong, f"do not count on `deterministic`; {_REPORT}")
    return Finding(name, "ok", f"{device}: two trainings are the same to the last bit")


def _bits(arrays: Arrays) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    return {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in arrays.items()}


def compare(reference: Training, other: Training) -> list[Agreement]:
    """Return how far a training is from the reference, by data type."""
    return [
        Agreement(
            other.layout.name,
            dtype,
            largest_differences(below(reference.arrays, dtype), below(other.arrays, dtype)),
            tolerance,
        )
        for dtype, tolerance in TOLERANCES.items()
    ]


def failed(training: Training) -> Finding:
    """Report that there is nothing to compare."""
    name = training.layout.name
    message = f"training on {name}: a process {training.failure}"
    remedy = _REPORT if training.layout.replicas == 1 else f"{_ONE_DEVICE}; {_REPORT}"
    return Finding(f"self-test, {name}", "failed", message, remedy)


def judge(reference: Training, agreements: Sequence[Agreement]) -> Finding:
    """Report whether all of a layout's agreements hold."""
    name, device = f"self-test, {agreements[0].layout}", reference.layout.name
    wrong = [
        f"{each.dtype} {each.worst} by {each.largest:.1e} (tolerance {each.tolerance:g})"
        for each in agreements
        if not each.holds
    ]
    if wrong:
        message = f"differs from {device}: {', '.join(wrong)}"
        return Finding(name, "failed", message, f"{_ONE_DEVICE}; {_REPORT}")
    within = ", ".join(f"{each.dtype} to {each.largest:.1e}" for each in agreements)
    return Finding(name, "ok", f"agrees with {device}: {within}")
