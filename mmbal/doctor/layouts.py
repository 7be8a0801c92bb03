"""What the self-test trains on: one device, several, several processes."""

import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mmbal.doctor.processes import Command

PROGRAM = (sys.executable, "-m", "mmbal.doctor.selftest")
SECONDS = 300
"""After which a process is ended; a minute is much."""
TOLERANCES = {"float32": 1e-6, "float64": 1e-12}
"""Largest difference that is still rounding, relative to the largest entry of an array."""
AGAIN = "again"
"""Name of the second training in float32."""
WORKERS = 2


@dataclass(frozen=True)
class Layout:
    """Devices that train the specimen together.

    Args:
        name: for messages.
        distribute: as `open_strategy` takes it.
        replicas: how many there must be in the end.
        gpus: those that each process may see, none for the CPU; one entry per process.
        twice: whether to train in float32 again, all with deterministic operations.
    """

    name: str
    distribute: str
    replicas: int
    gpus: tuple[tuple[str, ...], ...]
    twice: bool = False

    def commands(self, batches: Sequence[int], out: Path) -> list[Command]:
        """Return a command per process; the first process writes `out`.

        Several get ports that are free now: start them soon.
        """
        on_cpu = not self.gpus[0]
        trainings = {dtype: dtype for dtype in TOLERANCES}
        if self.twice:
            trainings[AGAIN] = "float32"
        setting = {
            "distribute": self.distribute,
            "logical_devices": self.replicas if self.distribute == "mirrored" and on_cpu else None,
            "trainings": trainings,
            "deterministic": self.twice,
            "batches": list(batches),
            "seconds": SECONDS,
        }
        words = [*PROGRAM, json.dumps(setting), str(out)]
        if len(self.gpus) == 1:
            return [Command(words, environment(self.gpus[0]))]
        hosts = [f"localhost:{port}" for port in free_ports(len(self.gpus))]
        return [
            Command(words, environment(gpus) | {"TF_CONFIG": _tf_config(hosts, index)})
            for index, gpus in enumerate(self.gpus)
        ]


def plan(gpus: Sequence[str], replicas: int | None, *, workers: bool) -> list[Layout]:
    """Return what is compared; the first layout is what the others must agree with.

    Args:
        gpus: as CUDA_VISIBLE_DEVICES names them.
        replicas: on one host; None for all GPUs where there are two or more, else two parts of
            the CPU. More replicas than GPUs are parts of the CPU, too.
        workers: whether to train in several processes as well.
    """
    count = replicas or max(2, len(gpus))
    used = tuple(gpus[:count]) if count <= len(gpus) else ()
    kind = "GPU" if used else "CPU"
    layouts = [
        one_device(used),
        Layout(f"{count} {kind} devices", "mirrored", count, (used,)),
    ]
    if workers:
        apart = tuple(used[i : i + 1] for i in range(WORKERS))
        name = f"{WORKERS} workers"
        layouts.append(Layout(name, "multiworker", WORKERS, apart))
    return layouts


def one_device(gpus: Sequence[str]) -> Layout:
    """Return the first GPU or, where there is none, the CPU; it trains twice."""
    name = "1 GPU device" if gpus else "1 CPU device"
    return Layout(name, "none", 1, (tuple(gpus[:1]),), twice=True)


def batch_sizes(replicas: int) -> list[int]:
    """Return rows per batch: even ones, an uneven one, and one of fewer rows than replicas."""
    return [4 * replicas, 4 * replicas, 2 * replicas + 1, 1]


def environment(gpus: Sequence[str] | None = None) -> dict[str, str]:
    """Return the environment of a process that belongs to no other job.

    Args:
        gpus: those that it may see; None for the same as this process.
    """
    mine = {k: v for k, v in os.environ.items() if k not in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS")}
    if gpus is not None:
        mine["CUDA_VISIBLE_DEVICES"] = ",".join(gpus) or "-1"
    # Something else may be running on a GPU, which TensorFlow would take all memory of.
    return mine | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def gpu_names(count: int) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES calls the GPUs that TensorFlow found."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(i) for i in range(count)] if listed is None else listed.split(",")
    return [name.strip() for name in names[:count]]


def free_ports(count: int) -> list[int]:
    """Return ports of this host that nobody listens on."""
    with ExitStack() as held:
        # Held together, so that they differ.
        sockets = [held.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


def _tf_config(hosts: Sequence[str], index: int) -> str:
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(hosts)}, "task": task})
