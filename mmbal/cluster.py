"""Which processes train together, as TF_CONFIG or SLURM tell each of them.

TensorFlow is not asked: its own reading fails where a node has no GPU or a list is empty, sorts
nodes by name instead of by rank, and counts jobs that train nothing.
"""

import json
import re
from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

from mmbal.errors import MmbalError

TF_CONFIG, TASKS = "TF_CONFIG", "SLURM_STEP_NUM_TASKS"
VARIABLES = (TF_CONFIG, TASKS)
"""What makes a process one of several: trials and self-tests of such a process are none of them."""
_LEGAL = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
_TRAINING, _IDLE = ("chief", "master", "worker"), ("evaluator", "ps")
_SLURM = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID")
_FIRST_PORT = 8888


class Cluster(NamedTuple):
    """Processes that train together.

    Attributes:
        source: who names them, in words.
        hosts: host:port of each, the chief first.
        rank: which of them this is.
        local: number of this one among those of its node, and how many they are.
    """

    source: str
    hosts: list[str]
    rank: int
    local: tuple[int, int] = (0, 1)


def read_cluster(environ: Mapping[str, str]) -> Cluster | None:
    """Return the cluster that variables name; None where they name none.

    Raises:
        MmbalError: they contradict themselves, or this process is not there to train.
    """
    return _of_tf_config(environ.get(TF_CONFIG, "")) or _of_slurm(environ)


def _of_tf_config(text: str) -> Cluster | None:
    try:
        value = json.loads(text) if text.strip() else {}
        jobs = {name: hosts for name, hosts in (value.get("cluster") or {}).items() if hosts}
        if not jobs:
            return None
        members = [(job, i) for job in _TRAINING for i in range(len(jobs.get(job, ())))]
        hosts = _with_ports([jobs[job][i] for job, i in members])
        task = value.get("task") or {}
        own = (task["type"], int(task["index"])) if task or len(members) > 1 else members[0]
        idle = own[0] in _IDLE
        index = -1 if idle else members.index(own)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise _refusal(f"must be like {_LEGAL}, received {text!r}", TF_CONFIG) from error
    if idle:
        needless = "which mmbal needs none of: workers validate and keep the weights themselves"
        raise _refusal(f"makes this process {own[0]!r}, {needless}", TF_CONFIG)
    return Cluster(f"workers of {TF_CONFIG}", hosts, index)


def _with_ports(hosts: list[str]) -> list[str]:
    if len(hosts) > 1 and not all(re.fullmatch(r".+:\d+", host) for host in hosts):
        raise ValueError(hosts)
    return hosts


def _of_slurm(environ: Mapping[str, str]) -> Cluster | None:
    """Return the tasks of a job step in the order of their ranks, node by node."""
    source = "tasks of this SLURM step"
    if (tasks := environ.get(TASKS, "").strip()) in ("", "0", "1"):
        return Cluster(source, ["localhost"], 0) if tasks == "1" else None
    try:
        nodes, per_node, rank = (environ[name] for name in _SLURM)
        addresses = [
            (node, _FIRST_PORT + i)
            for node, count in zip(_nodes(nodes), _counts(per_node), strict=True)
            for i in range(count)
        ]
        node, port = dict(zip(range(int(tasks)), addresses, strict=True))[int(rank)]
    except (ValueError, LookupError) as error:
        seen = ", ".join(f"{name}={environ.get(name)!r}" for name in _SLURM)
        raise _refusal(f"is {tasks!r}, but {seen} do not name as many tasks", TASKS) from error
    # What SLURM has bound to each task is its own already.
    shared = "SLURM_GPUS_PER_TASK" not in environ
    together = sum(other == node for other, _ in addresses) if shared else 1
    local = ((port - _FIRST_PORT) % together, together)
    return Cluster(source, [f"{host}:{port}" for host, port in addresses], int(rank), local)


def _nodes(text: str) -> list[str]:
    """Return the nodes of `gpu[1-2,08],login`: gpu1, gpu2, gpu08, login."""
    names: list[str] = []
    for entry in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        parts = re.split(r"\[([^\]]*)\]", entry)
        choices = [_numbers(part) if i % 2 else [part] for i, part in enumerate(parts)]
        names += map("".join, product(*choices))
    return names


def _numbers(text: str) -> list[str]:
    """Return the numbers of `1-2,08`, as wide as they are written."""
    bounds = [(low, high or low) for low, _, high in (p.partition("-") for p in text.split(","))]
    return [f"{i:0{len(low)}}" for low, high in bounds for i in range(int(low), int(high) + 1)]


def _counts(text: str) -> list[int]:
    """Return the numbers of `2(x3),1`: 2, 2, 2, 1."""
    parts = [part.partition("(x") for part in text.split(",")]
    return [int(n) for n, _, times in parts for _ in range(int(times.rstrip(")") or 1))]


def _refusal(fault: str, variable: str) -> MmbalError:
    return MmbalError(f"{variable} {fault}; unset it, or train alone with --distribute none")
