"""Which devices and hosts train together: the only place that looks for them."""

import os
from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from mmbal.cluster import TF_CONFIG, Cluster, read_cluster
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
    if distribute == "none":
        return tf.distribute.get_strategy()
    cluster = None if distribute == "mirrored" else read_cluster(os.environ)
    if distribute == "multiworker" and cluster is None:
        raise MmbalError(
            "--distribute multiworker needs TF_CONFIG (see docs/distributed.md), or a SLURM "
            "allocation started with srun; neither names workers here (--distribute none trains "
            "alone)"
        )
    if cluster is not None and len(cluster.hosts) > 1:
        return _join(cluster, wait, notice)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirror([device.name for device in devices])


def _join(cluster: Cluster, wait: float, notice: Callable[[str], None]) -> tf.distribute.Strategy:
    gpus, (number, together) = tf.config.list_physical_devices("GPU"), cluster.local
    if together > 1 and (share := len(gpus) // together):
        gpus = gpus[number * share : (number + 1) * share]
        tf.config.set_visible_devices(gpus, "GPU")
    own = cluster.hosts[cluster.rank]
    meet(own, [host for host in cluster.hosts if host != own], wait, notice)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": cluster.hosts}),
        task_type="worker",
        task_id=cluster.rank,
        num_accelerators={"GPU": len(gpus)},
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _mirror(devices: list[str]) -> tf.distribute.Strategy:
    """Return a strategy of one replica as none at all."""
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    # TensorFlow would read it only to say that it is ignored, and fail where it is malformed.
    hidden = os.environ.pop(TF_CONFIG, None)
    try:
        return tf.distribute.MirroredStrategy(devices)
    finally:
        if hidden is not None:
            os.environ[TF_CONFIG] = hidden


def _split_cpu(count: int) -> None:
    cpus = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpus[0], parts)
    except RuntimeError as error:
        raise MmbalError(
            f"cannot split the CPU into {count} devices: TensorFlow is already running"
        ) from error
