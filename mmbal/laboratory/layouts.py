"""On which devices something is trained, and the environment of each process that does it."""

import json
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

SECONDS = 300
"""After which a process is ended; a minute is much."""


@dataclass(frozen=True)
class Layout:
    """Devices that train together.

    Args:
        name: for messages.
        distribute: as `mmbal.replicas.open_strategy` takes it.
        replicas: how many there must be in the end; 0 for any number.
        gpus: those that each process may see, none for the CPU, None for those that this process
            sees; one entry per process.
    """

    name: str
    distribute: str
    replicas: int
    gpus: tuple[tuple[str, ...] | None, ...] = ((),)

    @property
    def logical_devices(self) -> int | None:
        """Into how many devices the CPU is split, as `open_strategy` takes it."""
        return self.replicas if self.distribute == "mirrored" and not self.gpus[0] else None

    def environments(self) -> list[dict[str, str]]:
        """Return the environment of each process.

        Several get ports that are free now: start them soon.
        """
        if len(self.gpus) == 1:
            return [environment(self.gpus[0])]
        hosts = [f"localhost:{port}" for port in free_ports(len(self.gpus))]
        tasks = [{"type": "worker", "index": index} for index in range(len(hosts))]
        return [
            environment(gpus)
            | {"TF_CONFIG": json.dumps({"cluster": {"worker": hosts}, "task": task})}
            for gpus, task in zip(self.gpus, tasks, strict=True)
        ]


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


def free_ports(count: int) -> list[int]:
    """Return ports of this host that nobody listens on."""
    with ExitStack() as stack:
        # Open together, so that they differ.
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in sockets]
