"""The self-test: what several devices train is what one device trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmbal.doctor.layouts import batch_sizes, gpu_names, one_device, plan
from mmbal.errors import MmbalError
from mmbal.laboratory.difference import Arrays, below, difference
from mmbal.laboratory.finding import Finding
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import train_on

TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
"""Largest difference that is still rounding, relative to the largest entry of a kind."""
AGAIN = "again"
"""Name of the second training in float32."""
_REPORT = "please report it with the output of `mmbal doctor --json`"
_ONE_DEVICE = f"train on one device (--distribute none) until this is solved; {_REPORT}"


@dataclass(frozen=True)
class Agreement:
    """How far a layout's training is from that on one device.

    Args:
        layout: its name.
        dtype: of weights and data.
        differences: the largest by kind, relative to the largest entry of the kind.
        tolerance: what is still rounding.
    """

    layout: str
    dtype: str
    differences: Mapping[str, float]
    tolerance: float

    @property
    def largest(self) -> tuple[float, str]:
        """The largest difference and its kind."""
        return max((size, kind) for kind, size in self.differences.items())

    @property
    def holds(self) -> bool:
        """Whether no difference is more than rounding."""
        return self.largest[0] <= self.tolerance


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
    reference, *others = plan(names, replicas, workers=workers)
    batches = batch_sizes(max(layout.replicas for layout in others))
    # Runs train on the GPU where there is one, whatever the replicas are.
    alone = one_device(names)
    findings: list[Finding] = []
    agreements: list[Agreement] = []
    expected: Arrays = {}
    for layout in dict.fromkeys([alone, reference, *others]):
        notice(f"training on {layout.name}")
        try:
            arrays = _train(layout, batches, repeated=layout == alone)
        except MmbalError as error:
            name, remedy = f"self-test, {layout.name}", _ONE_DEVICE
            if layout == alone:
                name, remedy = "determinism", f"leave `deterministic` off; {_REPORT}"
            findings.append(Finding(name, "failed", str(error), remedy))
            continue
        if layout == alone:
            findings.append(judge_repetition(arrays, layout.name))
        if layout == reference:
            expected = arrays
        elif layout in others and expected:
            compared = compare(expected, arrays, layout.name)
            agreements += compared
            findings.append(judge(compared, reference.name))
    return findings, agreements


def _train(layout: Layout, batches: Sequence[int], *, repeated: bool) -> Arrays:
    """Train; if `repeated`, in float32 again, all with deterministic operations."""
    trainings = {dtype: dtype for dtype in TOLERANCES} | ({AGAIN: "float32"} if repeated else {})
    setting = {"trainings": trainings, "deterministic": repeated, "batches": batches}
    return train_on(layout, "mmbal.doctor.selftest:train", setting)


def differences(expected: Arrays, arrays: Arrays) -> dict[str, float]:
    """Return by kind how far two trainings are apart."""
    return {kind: difference([expected[kind]], [arrays[kind]]) for kind in expected}


def judge_repetition(arrays: Arrays, device: str) -> Finding:
    """Report whether the two trainings on one device are the same to the last bit."""
    apart = differences(below(arrays, "float32"), below(arrays, AGAIN))
    size, kind = Agreement(device, AGAIN, apart, 0).largest
    if size > 0:
        wrong = f"{device}: two trainings differ, {kind} by {size:.1e}"
        remedy = f"do not count on `deterministic`; {_REPORT}"
        return Finding("determinism", "failed", wrong, remedy)
    return Finding("determinism", "ok", f"{device}: two trainings are the same to the last bit")


def compare(expected: Arrays, arrays: Arrays, layout: str) -> list[Agreement]:
    """Return how far a layout's training is from the expected one, by data type."""
    return [
        Agreement(layout, dtype, differences(below(expected, dtype), below(arrays, dtype)), most)
        for dtype, most in TOLERANCES.items()
    ]


def judge(agreements: Sequence[Agreement], device: str) -> Finding:
    """Report whether all of a layout's agreements with a device hold."""
    name = f"self-test, {agreements[0].layout}"
    wrong = [
        f"{each.dtype} {each.largest[1]} by {each.largest[0]:.1e} (tolerance {each.tolerance:g})"
        for each in agreements
        if not each.holds
    ]
    if wrong:
        return Finding(name, "failed", f"differs from {device}: {', '.join(wrong)}", _ONE_DEVICE)
    within = ", ".join(f"{each.dtype} to {each.largest[0]:.1e}" for each in agreements)
    return Finding(name, "ok", f"agrees with {device}: {within}")
