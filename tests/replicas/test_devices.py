import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.replicas import devices
from mmbal.replicas.devices import open_strategy

CLUSTER = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {}}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """Take away what a cluster's environment would say."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_STEP_NUM_TASKS", raising=False)


@pytest.fixture
def gpus(monkeypatch):
    """Return a function that feigns so many GPUs."""

    def feign(count):
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind: ["gpu"] * count * (kind == "GPU")
        )

    return feign


@pytest.mark.parametrize("distribute", ["auto", "none"])
def test_one_device_without_anything_else(distribute):
    strategy = open_strategy(distribute)
    assert strategy is tf.distribute.get_strategy()
    assert strategy.num_replicas_in_sync == 1


@pytest.mark.parametrize(("count", "chosen"), [(0, "none"), (1, "none"), (2, "mirrored")])
def test_auto_takes_all_gpus_of_several(gpus, count, chosen):
    gpus(count)
    assert devices._choose(None) == chosen


@pytest.mark.parametrize(("logical", "chosen"), [(None, "none"), (1, "none"), (2, "mirrored")])
def test_auto_takes_the_parts_of_a_split_cpu(gpus, logical, chosen):
    gpus(0)
    assert devices._choose(logical) == chosen


def test_auto_heeds_tf_config_before_gpus(gpus, monkeypatch):
    gpus(4)
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert devices._choose(None) == "multiworker"


@pytest.mark.parametrize(("tasks", "chosen"), [("1", "none"), ("2", "multiworker")])
def test_auto_heeds_a_slurm_step_of_several_tasks(gpus, monkeypatch, tasks, chosen):
    gpus(0)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", tasks)
    assert devices._choose(None) == chosen


def test_multiworker_without_a_cluster_says_where_to_name_one():
    with pytest.raises(MmbalError, match="needs TF_CONFIG .* or a SLURM allocation"):
        open_strategy("multiworker")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps(CLUSTER),
        json.dumps(CLUSTER | {"task": {"type": "worker", "index": 2}}),
        json.dumps(CLUSTER | {"task": {"type": "worker", "index": -1}}),
        json.dumps(CLUSTER | {"task": {"type": "boss", "index": 0}}),
        json.dumps({"cluster": {"worker": ["here"]}, "task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}),
    ],
)
def test_a_malformed_tf_config_is_shown_beside_a_legal_one(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(MmbalError) as caught:
        open_strategy()
    assert '"cluster": {"worker": ["host:port", ...]}' in str(caught.value)
    assert repr(text) in str(caught.value)


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
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == [str(replicas)], done.stderr


def test_a_slurm_allocation_names_the_hosts(tmp_path, monkeypatch):
    """With the program that TensorFlow asks for the names of the nodes."""
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\nprintf 'node1\\nnode2\\n'\n")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name, value in {
        "STEP_NUM_TASKS": "2", "STEP_NODELIST": "node[1-2]", "STEP_TASKS_PER_NODE": "1(x2)",
        "PROCID": "1", "LOCALID": "0", "NTASKS": "2",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cluster = devices._cluster()
    hosts = cluster.cluster_spec().as_dict()["worker"]
    assert [host.partition(":")[0] for host in hosts] == ["node1", "node2"]
    assert (cluster.task_type, cluster.task_id) == ("worker", 1)
