"""The environments of processes that train together."""

import json
import socket

from mmbal.laboratory.layouts import Layout


def test_parts_of_the_cpu_where_no_gpu_is_given():
    assert Layout("one", "none", 1).logical_devices is None
    assert Layout("several", "mirrored", 3).logical_devices == 3
    assert Layout("several", "mirrored", 2, (("3", "5"),)).logical_devices is None
    assert Layout("workers", "multiworker", 2, ((), ())).logical_devices is None


def test_each_process_sees_its_gpus_alone():
    for gpus, seen in (
        (((),), ["-1"]),
        ((("3", "5", "7"),), ["3,5,7"]),
        ((("3",), ("5",)), ["3", "5"]),
    ):
        environments = Layout("some", "mirrored", 2, gpus).environments()
        assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == seen


def test_workers_know_each_other():
    environments = Layout("workers", "multiworker", 2, ((), ())).environments()

    configs = [json.loads(each["TF_CONFIG"]) for each in environments]
    first, second = (config["cluster"]["worker"] for config in configs)
    assert first == second
    assert len(set(first)) == 2
    assert [config["task"] for config in configs] == [
        {"type": "worker", "index": index} for index in (0, 1)
    ]


def test_processes_belong_to_no_other_job(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")

    (environment,) = Layout("this machine", "auto", 0, (None,)).environments()

    assert not {"TF_CONFIG", "SLURM_STEP_NUM_TASKS"} & environment.keys()
    assert environment["CUDA_VISIBLE_DEVICES"] == "2"


def test_ports_of_workers_differ_and_are_free():
    workers = Layout("workers", "multiworker", 4, ((),) * 4).environments()

    hosts = json.loads(workers[0]["TF_CONFIG"])["cluster"]["worker"]
    assert len(set(hosts)) == 4
    for host in hosts:
        socket.create_server(("", int(host.removeprefix("localhost:")))).close()
