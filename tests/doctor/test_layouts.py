import json
import socket
from pathlib import Path

import pytest

from mmbal.doctor.layouts import (
    batch_sizes,
    environment,
    free_ports,
    gpu_names,
    one_device,
    plan,
)

OUT = Path("found.npz")


def settings(layout):
    return [json.loads(command.words[-2]) for command in layout.commands([4, 1], OUT)]


@pytest.mark.parametrize(
    ("gpus", "replicas", "expected"),
    [
        ([], None, ["1 CPU device", "2 CPU devices"]),
        ([], 3, ["1 CPU device", "3 CPU devices"]),
        (["0"], None, ["1 CPU device", "2 CPU devices"]),
        (["0", "1", "2"], None, ["1 GPU device", "3 GPU devices"]),
        (["0", "1", "2"], 2, ["1 GPU device", "2 GPU devices"]),
        (["0", "1"], 4, ["1 CPU device", "4 CPU devices"]),
    ],
)
def test_replicas_are_gpus_where_there_are_enough(gpus, replicas, expected):
    assert [layout.name for layout in plan(gpus, replicas, workers=False)] == expected
    assert [layout.name for layout in plan(gpus, replicas, workers=True)] == [
        *expected,
        "2 workers",
    ]


def test_parts_of_the_cpu():
    one, several, workers = plan([], 3, workers=True)

    (alone,), (split,), both = settings(one), settings(several), settings(workers)
    assert (alone["distribute"], alone["logical_devices"]) == ("none", None)
    assert (split["distribute"], split["logical_devices"]) == ("mirrored", 3)
    assert {(each["distribute"], each["logical_devices"]) for each in both} == {
        ("multiworker", None)
    }
    for layout in (one, several, workers):
        for command in layout.commands([4, 1], OUT):
            assert command.environment["CUDA_VISIBLE_DEVICES"] == "-1"


def test_each_gpu_worker_has_a_gpu_of_its_own():
    one, several, workers = plan(["3", "5", "7"], None, workers=True)

    seen = [
        [command.environment["CUDA_VISIBLE_DEVICES"] for command in layout.commands([4], OUT)]
        for layout in (one, several, workers)
    ]
    assert seen == [["3"], ["3,5,7"], ["3", "5"]]
    assert settings(several)[0]["logical_devices"] is None


def test_only_one_device_trains_twice():
    for layout in plan([], None, workers=True):
        alone = layout == one_device([])
        for setting in settings(layout):
            assert setting["deterministic"] == alone
            expected = {"float32": "float32", "float64": "float64"}
            assert setting["trainings"] == expected | ({"again": "float32"} if alone else {})


def test_workers_know_each_other():
    workers = plan([], None, workers=True)[-1]

    configs = [json.loads(c.environment["TF_CONFIG"]) for c in workers.commands([4], OUT)]
    first, second = (config["cluster"]["worker"] for config in configs)
    assert first == second
    assert len(set(first)) == 2
    assert [config["task"]["index"] for config in configs] == [0, 1]


def test_processes_belong_to_no_other_job(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")

    assert not {"TF_CONFIG", "SLURM_STEP_NUM_TASKS"} & environment().keys()
    assert environment()["CUDA_VISIBLE_DEVICES"] == "2"
    assert environment([])["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environment(["4", "5"])["CUDA_VISIBLE_DEVICES"] == "4,5"


def test_gpus_keep_the_names_the_user_gave(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_names(2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5,7")
    assert gpu_names(2) == ["3", "5"]
    assert gpu_names(0) == []


@pytest.mark.parametrize("replicas", range(2, 9))
def test_batches_are_even_uneven_and_too_small(replicas):
    full, _, uneven, last = batch_sizes(replicas)

    assert full % replicas == 0
    assert uneven % replicas
    assert uneven % 2  # over two workers, too
    assert last < replicas


def test_free_ports_differ_and_are_free():
    ports = free_ports(4)

    assert len(set(ports)) == 4
    for port in ports:
        socket.create_server(("", port)).close()
