"""All checks in a row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmbal.doctor import checks
from mmbal.errors import MmbalError
from mmbal.laboratory.finding import Finding
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import train_on
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
    findings = [checks.versions(), checks.plugins(discover()), checks.environment()]
    startable = findings[-1].status != "failed"
    findings += [checks.cluster(), checks.paths(), checks.output()]
    if not startable:  # nothing that needs Keras is
        return Diagnosis(findings)
    notice("loading TensorFlow")
    try:
        machine = train_on(MACHINE, "mmbal.doctor.machine:look", {})
    except MmbalError as error:
        return Diagnosis([*findings, checks.unstartable(error)])
    gpus: list[str] = machine["gpus"].tolist()
    findings += [checks.devices(gpus, int(machine["replicas"])), checks.onednn()]
    if quick:
        return Diagnosis(findings)
    # NumPy, which may be what is wrong with an installation, is known to work only now.
    from mmbal.doctor.agreement import self_test

    trained, agreements = self_test(len(gpus), replicas, workers=workers, notice=notice)
    return Diagnosis([*findings, *trained], agreements)
