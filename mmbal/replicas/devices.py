"""Which devices and hosts train together: the only place that looks for them."""

import json
import os
from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.replicas.rendezvous import meet

Distribute = Literal["auto", "none", "mirrored", "multiworker"]


def open_strategy(
    distribute: Distribute = "auto",
    logical_devices: int | None = None,
    wait: float = 600,
    notice: Callable[[str], None] = lambda _: None,
) -> tf.distribute.Strategy:
    """Return the `tf.distribute` strategy of a run; call it before any TensorFlow operation.

    Args:
        distribute: "none" for one device; "mirrored" for all devices of this host;
            "multiworker" for the hosts of `TF_CONFIG` or of a SLURM allocation; "auto" for
            several hosts where one of these names them, else for all GPUs where there are two
            or more, else for one device.
        logical_devices: split the CPU into so many devices first, to try distribution out.
        wait: seconds for the other hosts to come.
        notice: told whom the wait is for, in one line.

    Raises:
        MmbalError: what was asked for is not there, or another host does not come.
    """
    if logical_devices is not None:
        _split_cpu(logical_devices)
    if distribute == "auto":
        distribute = _choose(logical_devices)
    if distribute == "none":
        return tf.distribute.get_strategy()
    if distribute == "multiworker":
        cluster = _cluster()
        spec = cluster.cluster_spec()
        own = spec.task_address(cluster.task_type, cluster.task_id)
        hosts = [host for job in spec.jobs for host in spec.job_tasks(job)]
        meet(own, [host for host in hosts if host != own], wait, notice)
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=cluster)
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _choose(logical_devices: int | None) -> Distribute:
    if "TF_CONFIG" in os.environ or _slurm_hosts() > 1:
        return "multiworker"
    several = len(tf.config.list_physical_devices("GPU")) > 1 or (logical_devices or 1) > 1
    return "mirrored" if several else "none"


def _cluster() -> tf.distribute.cluster_resolver.ClusterResolver:
    resolvers = tf.distribute.cluster_resolver
    if "TF_CONFIG" in os.environ:
        _check_tf_config(os.environ["TF_CONFIG"])
        return resolvers.TFConfigClusterResolver()
    if _slurm_hosts():
        return resolvers.SlurmClusterResolver()
    raise MmbalError(
        "--distribute multiworker needs TF_CONFIG (see docs/distributed.md), or a SLURM "
        "allocation started with srun; neither is in the environment"
    )


def _split_cpu(count: int) -> None:
    cpus = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpus[0], parts)
    except RuntimeError as error:
        raise MmbalError(
            f"cannot split the CPU into {count} devices: TensorFlow is already running"
        ) from error


def _slurm_hosts() -> int:
    """Return how many processes srun has started for this job step, 0 outside of one."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "0"))


def _check_tf_config(text: str) -> None:
    legal = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        value = json.loads(text)
        hosts = [h for kind in ("chief", "worker") for h in value["cluster"].get(kind, [])]
        task = value["task"]
        known = 0 <= int(task["index"]) < len(value["cluster"][task["type"]])
        valid = known and hosts and all(":" in host for host in hosts)
    except (ValueError, KeyError, TypeError, AttributeError):
        valid = False
    if not valid:
        raise MmbalError(f"TF_CONFIG must be like {legal}, received {text!r}")
