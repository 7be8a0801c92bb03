import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from mmbal.cluster import Cluster
from mmbal.errors import MmbalError
from mmbal.replicas import devices
from mmbal.replicas.devices import open_strategy


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """Take away what a cluster's environment would say."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)


@pytest.fixture
def made(monkeypatch):
    """Return a function that feigns so many GPUs, and the devices of strategies made with them."""
    mirrored = []

    def feign(count):
        mirrored.clear()
        names = [tf.config.LogicalDevice(f"/gpu:{i}", "GPU") for i in range(count)]
        listed = tf.config.list_logical_devices
        monkeypatch.setattr(
            tf.config, "list_logical_devices", lambda kind: names if kind == "GPU" else listed(kind)
        )
        monkeypatch.setattr(tf.distribute, "MirroredStrategy", mirrored.append)
        return mirrored

    return feign


@pytest.mark.parametrize("distribute", ["auto", "none", "mirrored"])
def test_one_device_is_no_strategy(distribute):
    strategy = open_strategy(distribute)
    assert strategy is tf.distribute.get_strategy()
    assert strategy.num_replicas_in_sync == 1


@pytest.mark.parametrize("text", [None, "", "{}", "{", '{"cluster": null}'])
def test_mirroring_does_not_depend_on_tf_config(made, monkeypatch, text):
    made(2)
    seen = []
    monkeypatch.setattr(
        tf.distribute, "MirroredStrategy", lambda _: seen.append(os.environ.get("TF_CONFIG"))
    )
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    open_strategy("mirrored")
    assert seen == [None]
    assert os.environ.get("TF_CONFIG") == text


@pytest.mark.parametrize(("count", "mirrored"), [(0, 0), (1, 0), (2, 2)])
@pytest.mark.parametrize("distribute", ["auto", "mirrored"])
def test_all_gpus_of_several_are_taken(made, distribute, count, mirrored):
    strategies = made(count)
    open_strategy(distribute)
    assert [len(devices) for devices in strategies] == [mirrored] * (mirrored > 0)


ONE = [
    {"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'},
    {"TF_CONFIG": '{"cluster": {"chief": ["a:1"], "ps": ["b:1"]}}'},
    {"SLURM_STEP_NUM_TASKS": "1"},
]


@pytest.mark.parametrize("variables", ONE)
@pytest.mark.parametrize("distribute", ["auto", "multiworker"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_one_worker_trains_as_its_host_alone(made, monkeypatch, variables, distribute, count):
    strategies = made(count)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    strategy = open_strategy(distribute)
    assert bool(strategies) == (count == 2)
    assert strategies or strategy is tf.distribute.get_strategy()


@pytest.mark.parametrize("text", ["", "{}", '{"cluster": {"worker": []}}'])
def test_multiworker_without_a_cluster_says_where_to_name_one(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(
        MmbalError, match="needs TF_CONFIG .* or a SLURM allocation.*--distribute none"
    ):
        open_strategy("multiworker")


@pytest.mark.parametrize("distribute", ["auto", "multiworker"])
def test_a_malformed_tf_config_matters_to_who_reads_it(monkeypatch, distribute):
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(MmbalError, match="TF_CONFIG must be like .*--distribute none"):
        open_strategy(distribute)
    assert open_strategy("none") is open_strategy("mirrored")


def test_an_absent_worker_is_named(monkeypatch):
    task = {"task": {"type": "worker", "index": 1}}
    cluster = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:0"]}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster | task))
    told = []
    with pytest.raises(MmbalError, match=r"no worker at 127\.0\.0\.1:1 within 0\.1 seconds"):
        open_strategy(wait=0.1, notice=told.append)
    assert told == ["waiting for the workers at 127.0.0.1:1"]


def test_the_cpu_cannot_be_split_once_tensorflow_runs():
    tf.constant(0)
    with pytest.raises(MmbalError, match="into 2 devices: TensorFlow is already running"):
        open_strategy("mirrored", logical_devices=2)


@pytest.mark.deep
@pytest.mark.parametrize(("distribute", "replicas"), [("auto", 3), ("mirrored", 3), ("none", 1)])
def test_a_split_cpu(distribute, replicas):
    program = (
        "from mmbal.replicas.devices import open_strategy\n"
        f"print(open_strategy({distribute!r}, 3).num_replicas_in_sync)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == [str(replicas)], done.stderr


@pytest.mark.parametrize(
    ("gpus", "local", "seen"),
    [(0, (1, 2), []), (4, (0, 1), None), (4, (1, 2), ["c", "d"]), (1, (1, 2), None)],
)
def test_tasks_of_a_node_share_its_gpus(monkeypatch, gpus, local, seen):
    """Asked of TensorFlow: not every node has `nvidia-smi`, or any GPU.

    What lets the others be met, and what makes the strategy, are left out: there are none.
    """
    made, shown = [], [None]
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind: list("abcd"[:gpus]) * (kind == "GPU")
    )
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda names, _: shown.append(names))
    monkeypatch.setattr(devices, "meet", lambda *arguments: made.append(arguments[:2]))
    monkeypatch.setattr(
        tf.distribute, "MultiWorkerMirroredStrategy", lambda cluster_resolver: cluster_resolver
    )
    resolver = devices._join(Cluster("tasks", ["b:8888", "a:8888"], 1, local), 1, print)
    assert made == [("a:8888", ["b:8888"])]
    assert shown[-1] == (seen or None)
    assert resolver.num_accelerators() == {"GPU": len(seen) if seen else gpus}
    assert resolver.cluster_spec().as_dict() == {"worker": ["b:8888", "a:8888"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
