"""Clusters as managed services and SLURM name them."""

import json

import pytest

from mmbal.cluster import Cluster, read_cluster
from mmbal.errors import MmbalError

WORKERS = {"worker": ["a:1", "b:1"]}


def tf_config(cluster, kind=None, index=0, **others):
    task = {} if kind is None else {"task": {"type": kind, "index": index}}
    return json.dumps({"cluster": cluster, "environment": "cloud"} | task | others)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{}",
        tf_config({}),
        tf_config(None),
        tf_config({}, "worker"),
        tf_config({"worker": []}, "worker"),
        tf_config({"chief": None, "worker": [], "ps": [], "evaluator": []}, "chief"),
        json.dumps({"task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": WORKERS | {"worker": None}, "task": None}),
    ],
)
def test_a_tf_config_that_names_nobody(text):
    assert read_cluster({"TF_CONFIG": text}) is None


@pytest.mark.parametrize(
    ("text", "hosts", "index"),
    [
        (tf_config(WORKERS, "worker", 1), ["a:1", "b:1"], 1),
        (tf_config(WORKERS, "worker", "1"), ["a:1", "b:1"], 1),
        (tf_config(WORKERS | {"chief": ["c:1"]}, "chief"), ["c:1", "a:1", "b:1"], 0),
        (tf_config(WORKERS | {"chief": ["c:1"]}, "worker", 1), ["c:1", "a:1", "b:1"], 2),
        (tf_config(WORKERS | {"master": ["c:1"]}, "master"), ["c:1", "a:1", "b:1"], 0),
        (tf_config(WORKERS | {"ps": ["p:1"]}, "worker"), ["a:1", "b:1"], 0),
        (tf_config(WORKERS | {"evaluator": ["e:1"], "ps": []}, "worker"), ["a:1", "b:1"], 0),
        (tf_config({"worker": ["a:1"]}, "worker"), ["a:1"], 0),
        (tf_config({"chief": ["a"]}, "chief"), ["a"], 0),
        (tf_config({"chief": ["a:1"], "ps": ["p:1"]}), ["a:1"], 0),
        (tf_config({"worker": ["[::1]:1", "b:1"]}, "worker"), ["[::1]:1", "b:1"], 0),
    ],
)
def test_only_those_who_train_are_members(text, hosts, index):
    assert read_cluster({"TF_CONFIG": text}) == Cluster("workers of TF_CONFIG", hosts, index)


@pytest.mark.parametrize(
    "text",
    [
        "workers",
        "{",
        "[]",
        "3",
        tf_config(3),
        tf_config(WORKERS),
        tf_config(WORKERS, "worker", 2),
        tf_config(WORKERS, "worker", -1),
        tf_config(WORKERS, "worker", None),
        tf_config(WORKERS, "worker", float("inf")),
        tf_config(WORKERS, "boss"),
        tf_config(WORKERS, ["worker"]),
        tf_config(WORKERS, task=["worker", 0]),
        tf_config({"worker": ["here", "there"]}, "worker"),
        tf_config({"worker": "a:1"}, "worker"),
        tf_config({"worker": {"0": "a:1", "1": "b:1"}}, "worker"),
        tf_config({"worker": [["a:1"], ["b:1"]]}, "worker"),
        tf_config({"worker": 2}, "worker"),
        tf_config({"worker": ["a:1"]}, "worker", 1),
        tf_config({"ps": ["a:1"]}),
    ],
)
def test_a_malformed_tf_config_is_shown_beside_a_legal_one(text):
    with pytest.raises(MmbalError) as caught:
        read_cluster({"TF_CONFIG": text})
    assert 'TF_CONFIG must be like {"cluster": {"worker": ["host:port", ...]}' in str(caught.value)
    assert repr(text) in str(caught.value)
    assert str(caught.value).endswith("; unset it, or train alone with --distribute none")


@pytest.mark.parametrize("kind", ["evaluator", "ps"])
@pytest.mark.parametrize("listed", [True, False])
def test_who_has_nothing_to_train_is_told_so(kind, listed):
    cluster = WORKERS | ({kind: ["e:1"]} if listed else {})
    with pytest.raises(MmbalError, match=rf"TF_CONFIG makes this process '{kind}'.*--distribute"):
        read_cluster({"TF_CONFIG": tf_config(cluster, kind)})


def slurm(nodes, per_node, rank, tasks, **others):
    return {
        "TF_CONFIG": "",
        "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_STEP_NODELIST": nodes,
        "SLURM_STEP_TASKS_PER_NODE": per_node,
        "SLURM_PROCID": str(rank),
        **others,
    }


@pytest.mark.parametrize(
    ("variables", "hosts", "local"),
    [
        (slurm("node[1-2]", "1(x2)", 1, 2), ["node1:8888", "node2:8888"], (0, 1)),
        (slurm("n[9-10],x", "1(x3)", 0, 3), ["n9:8888", "n10:8888", "x:8888"], (0, 1)),
        (slurm("n[08,10]-ib", "1(x2)", 1, 2), ["n08-ib:8888", "n10-ib:8888"], (0, 1)),
        (slurm("a,b", "2,1", 1, 3), ["a:8888", "a:8889", "b:8888"], (1, 2)),
        (slurm("a,b", "2,1", 2, 3), ["a:8888", "a:8889", "b:8888"], (0, 1)),
        (slurm("a", "2", 1, 2, SLURM_GPUS_PER_TASK="1"), ["a:8888", "a:8889"], (0, 1)),
    ],
)
def test_tasks_of_a_slurm_step(variables, hosts, local):
    rank = int(variables["SLURM_PROCID"])
    assert read_cluster(variables) == Cluster("tasks of this SLURM step", hosts, rank, local)


@pytest.mark.parametrize(("tasks", "count"), [("", None), ("0", None), ("1", 1)])
def test_a_step_of_one_task_is_alone(tasks, count):
    cluster = read_cluster({"SLURM_STEP_NUM_TASKS": tasks})
    assert (cluster and len(cluster.hosts)) == count


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_STEP_NUM_TASKS": "2"},
        slurm("a,b", "1(x2)", 0, "two"),
        slurm("a,b", "1(x2)", 0, 3),
        slurm("a,b", "1", 0, 2),
        slurm("a,b", "1(x2)", 2, 2),
        slurm("a,b", "1(x2)", "", 2),
        slurm("a[x-y]", "1(x2)", 0, 2),
    ],
)
def test_slurm_variables_that_do_not_fit_are_shown(variables):
    with pytest.raises(MmbalError) as caught:
        read_cluster(variables)
    assert str(caught.value).startswith("SLURM_STEP_NUM_TASKS is ")
    assert f"SLURM_PROCID={variables.get('SLURM_PROCID')!r}" in str(caught.value)
    assert "--distribute none" in str(caught.value)
