"""All checks in a row."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmbal.doctor import checks
from mmbal.doctor.layouts import batch_sizes, gpu_names, one_device, plan
from mmbal.errors import MmbalError
from mmbal.laboratory.finding import Finding
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import Training
from mmbal.registry.discovery import discover

if TYPE_CHECKING:
    from mmbal.doctor.agreement import Agreement

MACHINE = Layout("this machine", "auto", 0, (None,))


@dataclass
class Diagnosis:
    """What all checks found; `agreements` as far as the self-test came."""

    findings: list[Finding] = field(default_factory=list)
    agreements: "list[Agreement]" = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return all(finding.status != "failed" for finding in self.findings)


def examine(
    replicas: int | None = None,
    *,
    workers: bool = True,
    quick: bool = False,
    notice: Callable[[str], None] = lambda _: None,
) -> Diagnosis:
    """Examine this machine.

    Args:
        replicas: of the self-test; None for all GPUs, or two where there are fewer.
        workers: whether the self-test trains in several processes as well.
        quick: leave out what trains: determinism and the self-test.
        notice: told what is going on, a line at a time.
    """
    diagnosis = Diagnosis([checks.versions(), checks.plugins(discover())])
    notice("loading TensorFlow")
    with Training(MACHINE, "mmbal.doctor.machine:look", {}) as machine, suppress(MmbalError):
        machine.result()
    if machine.failure:
        diagnosis.findings.append(checks.unstartable(machine.failure))
        return diagnosis
    gpus: list[str] = machine.arrays["gpus"].tolist()
    diagnosis.findings.append(checks.devices(gpus, int(machine.arrays["replicas"])))
    diagnosis.findings.append(checks.onednn(machine.arrays.get("onednn")))
    if not quick:
        _train_and_compare(diagnosis, gpu_names(len(gpus)), replicas, workers, notice)
    return diagnosis


def _train_and_compare(
    diagnosis: Diagnosis,
    gpus: list[str],
    replicas: int | None,
    workers: bool,
    notice: Callable[[str], None],
) -> None:
    # NumPy, which may be what is wrong with an installation, is known to work only now.
    from mmbal.doctor.agreement import compare, failed, judge, repeats, train

    layouts = plan(gpus, replicas, workers=workers)
    batches = batch_sizes(max(layout.replicas for layout in layouts))
    # Runs train on the GPU where there is one, whatever the replicas are.
    alone = one_device(gpus)
    # A GPU may refuse a second process; a CPU is busier with two.
    at_once = 1 if gpus else 2
    trained = train(dict.fromkeys([*layouts, alone]), batches, at_once, notice)
    diagnosis.findings.append(repeats(trained[alone.name]))
    reference = trained[layouts[0].name]
    for training in (trained[layout.name] for layout in layouts):
        if training.failure:
            diagnosis.findings.append(failed(training))
        elif training is not reference and not reference.failure:
            agreements = compare(reference, training)
            diagnosis.agreements += agreements
            diagnosis.findings.append(judge(reference, agreements))
