"""All checks in a row."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mmbal.doctor import checks
from mmbal.doctor.finding import Finding
from mmbal.doctor.layouts import SECONDS, batch_sizes, environment, gpu_names, one_device, plan
from mmbal.doctor.processes import Command, Team, run_all
from mmbal.registry.discovery import discover

if TYPE_CHECKING:
    from mmbal.doctor.comparison import Agreement

_PROBE = (sys.executable, "-m", "mmbal.doctor.probe")


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
    with TemporaryDirectory(prefix="mmbal-doctor-") as name:
        folder = Path(name)
        notice("loading TensorFlow")
        machine = probe(folder / "probe")
        if isinstance(machine, str):
            diagnosis.findings.append(checks.unstartable(machine))
            return diagnosis
        diagnosis.findings.append(checks.devices(machine["gpus"], machine["replicas"]))
        diagnosis.findings.append(checks.onednn(machine["onednn"]))
        if not quick:
            gpus = gpu_names(len(machine["gpus"]))
            _train_and_compare(diagnosis, gpus, replicas, workers, folder, notice)
    return diagnosis


def probe(folder: Path) -> dict[str, Any] | str:
    """Return what `mmbal.doctor.probe` found, or how its process failed."""
    team = Team("probe", lambda: [Command(_PROBE, environment())], folder, SECONDS)
    run_all([team], 1, lambda _: None)
    if team.failure:
        return team.failure
    found: dict[str, Any] = json.loads(team.output().splitlines()[-1])
    return found


def _train_and_compare(
    diagnosis: Diagnosis,
    gpus: list[str],
    replicas: int | None,
    workers: bool,
    folder: Path,
    notice: Callable[[str], None],
) -> None:
    # NumPy, which may be what is wrong with an installation, is known to work only now.
    from mmbal.doctor.comparison import compare, judge, repeats, train

    layouts = plan(gpus, replicas, workers=workers)
    batches = batch_sizes(max(layout.replicas for layout in layouts))
    # Runs train on the GPU where there is one, whatever the replicas are.
    alone = one_device(gpus)
    # A GPU may refuse a second process; a CPU is busier with two.
    at_once = 1 if gpus else 2
    trained = train(dict.fromkeys([*layouts, alone]), batches, folder, at_once, notice)
    reference, *others = (trained[layout.name] for layout in layouts)
    diagnosis.agreements = compare(reference, others)
    diagnosis.findings.append(repeats(trained[alone.name]))
    diagnosis.findings += judge(reference, others, diagnosis.agreements)
