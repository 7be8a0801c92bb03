"""On which devices something is trained, and the environment of each process that does it."""

import json
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from mmbal.cluster import VARIABLES


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
        """Return the environment of each process; none belongs to any other job.

        Several get ports that are free now: start them soon.
        """
        common = dict(os.environ)
        for name in VARIABLES:
            common.pop(name, None)
        # Something else may be running on a GPU, which TensorFlow would take all memory of.
        common["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        environments = [
            common if gpus is None else common | {"CUDA_VISIBLE_DEVICES": ",".join(gpus) or "-1"}
            for gpus in self.gpus
        ]
        if len(environments) > 1:
            cluster = {"worker": [f"localhost:{port}" for port in _free_ports(len(self.gpus))]}
            for index, environment in enumerate(environments):
                task = {"type": "worker", "index": index}
                environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
        return environments


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        # Open together, so that they differ.
        sockets = [stack.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in sockets]
