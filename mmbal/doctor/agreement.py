"""The self-test: what several devices train is what one device trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmbal.doctor.layouts import batch_sizes, gpu_names, one_device, plan
from mmbal.errors import MmbalError
from mmbal.laboratory.difference import Arrays, below, difference
from mmbal.laboratory.finding import Finding
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import train_on

KINDS = ("weights", "speeds", "isolated", "optimizer", "metrics")
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
"""Largest difference that is still rounding, relative to the largest entry of a kind."""
AGAIN = "again"
"""Name of the second training in float32."""
_REPORT = "please report it with the output of `mmbal doctor --json`"
_ONE_DEVICE = "train on one device (--distribute none) until this is solved"


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
    def worst(self) -> str:
        """The kind that differs most."""
        return max(self.differences, key=lambda kind: self.differences[kind])

    @property
    def largest(self) -> float:
        """The difference of the kind that differs most."""
        return self.differences[self.worst]

    @property
    def holds(self) -> bool:
        """Whether no difference is more than rounding."""
        return self.largest <= self.tolerance


def self_test(
    gpus: int, replicas: int | None, *, workers: bool, notice: Callable[[str], None]
) -> tuple[list[Finding], list[Agreement]]:
    """Train on one device, twice, and on several; return what is wrong and how far they agree.

    Args:
        gpus: how many TensorFlow sees.
        replicas: as of `mmbal.doctor.examination.examine`.
        workers: likewise.
        notice: likewise.
    """
    names = gpu_names(gpus)
    layouts = plan(names, replicas, workers=workers)
    batches = batch_sizes(max(layout.replicas for layout in layouts))
    # Runs train on the GPU where there is one, whatever the replicas are.
    alone, reference = one_device(names), layouts[0]
    trained: dict[Layout, Arrays | MmbalError] = {}
    for layout in dict.fromkeys([*layouts, alone]):
        notice(f"training on {layout.name}")
        try:
            trained[layout] = _train(layout, batches)
        except MmbalError as error:
            trained[layout] = error
    findings, agreements = [judge_repetition(alone.name, trained[alone])], list[Agreement]()
    expected = trained[reference]
    for layout in layouts:
        arrays = trained[layout]
        if isinstance(arrays, MmbalError):
            remedy = _REPORT if layout is reference else f"{_ONE_DEVICE}; {_REPORT}"
            findings.append(Finding(f"self-test, {layout.name}", "failed", str(arrays), remedy))
        elif layout is not reference and not isinstance(expected, MmbalError):
            compared = compare(expected, arrays, layout.name)
            agreements += compared
            findings.append(judge(compared, reference.name))
    return findings, agreements


def _train(layout: Layout, batches: Sequence[int]) -> Arrays:
    """Train; on one device in float32 again, all with deterministic operations."""
    trainings = {dtype: dtype for dtype in TOLERANCES}
    repeated = layout.replicas == 1
    if repeated:
        trainings[AGAIN] = "float32"
    setting = {"trainings": trainings, "deterministic": repeated, "batches": batches}
    return train_on(layout, "mmbal.doctor.selftest:train", setting)


def largest_differences(expected: Arrays, arrays: Arrays) -> dict[str, float]:
    """Return the largest difference by kind; infinite where an array is missing, or all are.

    Args:
        expected: arrays of a training, by `KIND/...`.
        arrays: of another.
    """
    differences = dict.fromkeys(KINDS, np.inf)
    for kind in KINDS:
        one, other = below(expected, kind), below(arrays, kind)
        if one and one.keys() == other.keys():
            differences[kind] = difference(list(one.values()), [other[name] for name in one])
    return differences


def judge_repetition(device: str, trained: Arrays | MmbalError) -> Finding:
    """Report whether the two trainings on one device are the same to the last bit."""
    if isinstance(trained, MmbalError):
        remedy = f"leave `deterministic` off; {_REPORT}"
        return Finding("determinism", "failed", str(trained), remedy)
    first, second = below(trained, "float32"), below(trained, AGAIN)
    repeated = Agreement(device, AGAIN, largest_differences(first, second), 0)
    if not repeated.holds:
        wrong = f"{device}: two trainings differ, {repeated.worst} by {repeated.largest:.1e}"
        remedy = f"do not count on `deterministic`; {_REPORT}"
        return Finding("determinism", "failed", wrong, remedy)
    return Finding("determinism", "ok", f"{device}: two trainings are the same to the last bit")


def compare(expected: Arrays, arrays: Arrays, layout: str) -> list[Agreement]:
    """Return how far a layout's training is from the expected one, by data type."""
    return [
        Agreement(
            layout, dtype, largest_differences(below(expected, dtype), below(arrays, dtype)), most
        )
        for dtype, most in TOLERANCES.items()
    ]


def judge(agreements: Sequence[Agreement], device: str) -> Finding:
    """Report whether all of a layout's agreements with a device hold."""
    name = f"self-test, {agreements[0].layout}"
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
