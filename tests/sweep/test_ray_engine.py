"""The engine with a Ray that only answers."""

import os
import signal
import socket
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmbal.errors import MmbalError
from mmbal.sweep import ray_engine
from mmbal.sweep.engine import run_all
from mmbal.sweep.job import Outcome, Resources
from mmbal.sweep.ray_engine import work

exceptions = pytest.importorskip("ray").exceptions


class FakeRay:
    """Runs a task when it is waited for."""

    exceptions = exceptions

    def __init__(self, nodes=({"CPU": 2},)):
        self.machines = nodes
        self.most = 0
        self.open = []
        self.started = []
        self.looks = Counter()
        self.gpus = None
        self.cancelled = {}
        self.options = []
        self.interrupt = self.waits = False

    def nodes(self):
        return [{"Alive": True, "Resources": each} for each in self.machines]

    def cluster_resources(self):
        return {"GPU": sum(each.get("GPU", 0) for each in self.machines)}

    def remote(self, **options):
        self.options.append(options)
        return lambda function: SimpleNamespace(options=self._task)

    def _task(self, name):
        def start(trial, threads, gpus):
            self.started.append(name)
            self.gpus = gpus
            self.open.append(reference := (name, threads))
            self.most = max(self.most, len(self.open))
            return reference

        return SimpleNamespace(remote=start)

    def wait(self, references, timeout):
        (reference,) = references
        self.looks[reference] += 1
        if self.interrupt and not self.cancelled:
            self.interrupt = False
            os.kill(os.getpid(), signal.SIGINT)
        has_ended = reference in self.cancelled or (self.looks[reference] > 1 and not self.waits)
        return (references, []) if has_ended else ([], references)

    def get(self, reference):
        self.open.remove(reference)
        name = reference[0]
        if reference in self.cancelled:
            raise exceptions.TaskCancelledError
        if name == "dead" or (name == "dying" and self.started.count(name) < 3):
            raise exceptions.WorkerCrashedError
        if name == "bug":
            raise exceptions.RayTaskError("run_trial", "a trace", ValueError("ours"))
        return Outcome("finished")

    def cancel(self, reference, *, force):
        self.cancelled[reference] = force


@pytest.fixture
def ray(monkeypatch):
    fake = FakeRay()
    monkeypatch.setattr(ray_engine, "_connected", lambda address: nullcontext(fake))
    monkeypatch.setattr(ray_engine, "PAUSE", 0.01)
    return fake


def trials(*names):
    return [Path("/sweep/trials", name) for name in names]


def run(ray, *names, **resources):
    told, notices = {}, []
    run_all(trials(*names), Resources("ray", **resources), told.__setitem__, notices.append)
    return told, notices


def test_every_job_is_told_once_and_limits_are_passed_on(ray):
    told, notices = run(ray, "a", "b", "c", threads=2, concurrent=2)

    assert {name: each.status for name, each in told.items()} == dict.fromkeys("abc", "finished")
    assert notices == []
    assert ray.most == 2
    assert ray.options == [{"num_cpus": 2, "num_gpus": 0, "max_retries": 0}]


@pytest.mark.parametrize(
    ("machine", "asked", "given"),
    [({"CPU": 2}, None, 0), ({"CPU": 2, "GPU": 1}, None, 1), ({"CPU": 2, "GPU": 1}, 0.5, 0.5),
     ({"CPU": 2, "GPU": 1}, 0, 0)],
)  # fmt: skip
def test_a_trial_gets_a_gpu_where_there_is_one(ray, machine, asked, given):
    ray.machines = (machine,)

    told, _ = run(ray, "a", gpus=asked)

    assert told["a"].status == "finished"
    assert ray.options[0]["num_gpus"] == ray.gpus == given


def test_a_dead_process_is_replaced_and_a_bug_is_not(ray):
    told, notices = run(ray, "dead", "dying", "bug", "good")

    assert told["good"].status == told["dying"].status == "finished"
    assert told["dead"].status == told["bug"].status == "failed"
    assert told["dead"].error.startswith("its process died: WorkerCrashedError: ")
    assert told["bug"].error.startswith("it did not begin (all machines need the same mmbal")
    assert told["bug"].trace == "a trace"
    assert [ray.started.count(name) for name in ("dead", "dying", "bug")] == [3, 3, 1]
    assert len(notices) == 4


def test_too_much_for_this_machine_is_refused(ray):
    with pytest.raises(MmbalError, match="asks for 3 CPUs and 0 GPUs; this machine has 2 CPUs"):
        run(ray, "a", threads=3)
    with pytest.raises(MmbalError, match="1 CPUs and 1 GPUs; this machine has 2 CPUs and 0 GPUs"):
        run(ray, "a", gpus=1)


def test_on_a_cluster_trials_wait_for_room(ray):
    told, notices = run(ray, "a", threads=3, address="auto")

    assert told["a"].status == "finished"
    (notice,) = notices
    assert notice.startswith("a trial asks for 3 CPUs and 0 GPUs; no machine of the cluster has")
    assert notice.endswith("(2 CPUs and 0 GPUs), so trials wait for one")


def test_ctrl_c_interrupts_what_runs(ray):
    ray.interrupt = ray.waits = True
    told, notices = {}, []

    with pytest.raises(KeyboardInterrupt):
        run_all(trials("a", "b", "c"), Resources("ray", concurrent=2), told.__setitem__,
                notices.append)  # fmt: skip

    assert told == {"a": Outcome("interrupted"), "b": Outcome("interrupted")}
    assert list(ray.cancelled.values()) == [False, False]
    assert [notice.partition(";")[0] for notice in notices] == [
        "stopping: trials that run now write their records"
    ]


@pytest.mark.parametrize("address", ["here", ":6379", "host:", "host:port", "ray://host"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(MmbalError, match="--address must be HOST:PORT or auto, received"):
        run_all(trials("a"), Resources("ray", address), lambda *_: None, print)


def test_an_address_where_nobody_listens_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    with pytest.raises(MmbalError, match=f"--address {address}: no Ray cluster answers; `ray st"):
        run_all(trials("a"), Resources("ray", address), lambda *_: None, print)


@pytest.mark.parametrize("address", [None, "auto"])
def test_what_ray_does_not_start_with_is_one_line(monkeypatch, address):
    import ray

    def refuse(*address, **options):
        raise ConnectionError("no\nway")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(ray_engine, "_environment", lambda address: {})
    message = "Ray does not start on this machine: no" if address is None else r"one .*\(no\)"

    with pytest.raises(MmbalError, match=message):
        run_all(trials("a"), Resources("ray", address), lambda *_: None, print)


def test_ray_reports_nothing_and_obeys_nobody_else(monkeypatch):
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)

    cluster, local = ray_engine._environment("auto"), ray_engine._environment(None)

    assert cluster["RAY_USAGE_STATS_ENABLED"] == local["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "RAY_AUTH_TOKEN" not in cluster
    assert local["RAY_AUTH_MODE"] == "token"
    assert len(local["RAY_AUTH_TOKEN"]) == 64


def test_what_the_user_set_for_ray_stays(monkeypatch):
    import ray

    monkeypatch.setattr(
        os, "environ", {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "1"}
    )
    monkeypatch.setattr(ray, "init", lambda *address, **options: None)
    monkeypatch.setattr(ray, "shutdown", lambda: None)

    with ray_engine._connected(None):
        assert os.environ["RAY_AUTH_MODE"] == "disabled"
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "1"
        assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.parametrize(
    ("gpus", "visible", "growth"), [(0, "-1", None), (0.5, "3", "true"), (1, "3", None)]
)
def test_a_task_is_a_process_with_the_gpus_of_its_trial(
    monkeypatch, tmp_path, gpus, visible, growth
):
    async def run(*given, threads):
        return Outcome("finished", error=repr((*given, threads)))

    monkeypatch.setattr(os, "environ", {"CUDA_VISIBLE_DEVICES": "3"})
    monkeypatch.setattr(ray_engine, "run_process", run)

    assert work(str(tmp_path), 2, gpus).error == repr((tmp_path, visible, 2))
    assert os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == growth


def test_a_folder_that_a_machine_does_not_see_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {})

    done = work(str(tmp_path / "absent"), 1, 0)

    assert done.status == "failed"
    assert "is not to be seen on" in done.error
    assert "that all machines of the cluster share" in done.error
    assert list(tmp_path.iterdir()) == []
