"""Runs on several devices and hosts that are killed or told to stop, and go on."""

import json
import random
import shutil
import signal
import socket
import time

import h5py
import numpy as np
import pytest

OFTEN = (
    "--epochs", 8, "--set", "checkpoint_steps=4", "--set", "log_every=3",
    "--save-predictions", "--evaluation", "subsets",
)  # fmt: skip
DRAW = random.Random(1)
BOUND = 300
"""Seconds after which nobody may still wait for a worker that is gone."""


def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Workers:
    """Two processes that train together."""

    def __init__(self, mmbal, folder, *arguments):
        words = ("run", *mmbal.small, *OFTEN, "--out", folder.name, *arguments)
        hosts = [address(), address()]
        self.processes = [
            mmbal.start(
                *words,
                TF_CONFIG=json.dumps(
                    {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
                ),
            )
            for index in range(2)
        ]

    def end(self, timeout=300):
        """Wait for both; return (status, stderr) of each."""
        try:
            told = [process.communicate(timeout=timeout)[1] for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [(p.returncode, text) for p, text in zip(self.processes, told, strict=True)]

    def run(self):
        """Wait for both to succeed."""
        for status, text in self.end():
            assert status == 0, text


@pytest.fixture(scope="module")
def together(mmbal):
    """Return the folder of a run of two workers that nothing disturbed."""
    folder = mmbal.folder / "workers"
    Workers(mmbal, folder).run()
    return folder


def await_checkpoint(mmbal, process, folder, beyond=""):
    end = time.monotonic() + 120
    while mmbal.newest(folder) <= beyond:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "victims",
    [
        pytest.param([0], id="1 kill", marks=pytest.mark.deep),
        pytest.param([1, 0, 1], id="3 kills", marks=pytest.mark.soak),
    ],
)
def test_workers_that_are_killed_or_told_to_end_end_all_and_the_run_goes_on(
    mmbal, together, same_end, victims
):
    folder = mmbal.folder / f"workers-ended{len(victims)}"
    for victim in victims:
        ends = ended(mmbal, folder, victim, signal.SIGKILL)
        status, text = ends[1 - victim]
        assert status == 2
        error = text.splitlines()[-1]
        assert error.startswith(f"error: worker {1 - victim} of 2 lost another one: ")
        assert error.endswith("start all workers again with --resume")
        assert "Traceback" not in text
    for status, text in ended(mmbal, folder, 1, signal.SIGTERM):
        assert status == 75, text
        assert f"mmbal run --resume --out {folder.name}" in text
    Workers(mmbal, folder, "--resume").run()
    same_end(folder, together)


@pytest.mark.deep
@pytest.mark.timeout(1800)
def test_workers_score_together_what_one_device_scores(mmbal, together):
    folder = mmbal.folder / "workers-scoring"
    shutil.copytree(together, folder)
    said = read(folder)
    before = json.loads(mmbal("report", folder.name, "--json").stdout)["test"]

    mmbal("evaluate", folder.name, "--save-predictions", "--other-data", "--evaluation", "subsets")

    alone = read(folder)
    assert [*said["ids"]] == [*range(len(said["labels"]))]
    for name in ("ids", "labels"):
        np.testing.assert_array_equal(said[name], alone[name])
    np.testing.assert_allclose(said["logits"], alone["logits"], rtol=1e-4, atol=1e-5)
    told = mmbal("evaluate", folder.name, "--other-data", "--evaluation", "subsets", "--json")
    scores = json.loads(told.stdout)
    assert {name: scores[name] for name in before if "subset_nll" in name} == pytest.approx(
        {name: value for name, value in before.items() if "subset_nll" in name}, rel=1e-4
    )


def read(folder):
    """Return what was predicted of the test split by the selected weights."""
    with h5py.File(folder / "predictions" / "test-selected.h5") as file:
        return {name: file[name][:] for name in ("ids", "labels", "logits")}


def ended(mmbal, folder, victim, which):
    """Send a signal to one worker after some progress; return the ends of both."""
    workers = Workers(mmbal, folder, "--resume")
    await_checkpoint(mmbal, workers.processes[0], folder, mmbal.newest(folder))
    workers.processes[victim].send_signal(which)
    return workers.end(BOUND)


@pytest.mark.deep
def test_a_worker_that_does_not_come_is_named(mmbal):
    own, absent = address(), address()
    cluster = {"cluster": {"worker": [own, absent]}, "task": {"type": "worker", "index": 0}}
    process = mmbal.start(
        "run", *mmbal.small, "--out", "alone", "--set", "worker_wait=1",
        TF_CONFIG=json.dumps(cluster),
    )  # fmt: skip
    _, text = process.communicate(timeout=BOUND)
    assert process.returncode == 2
    assert f"waiting for the workers at {absent}" in text
    assert f"error: no worker at {absent} within 1 seconds" in text
    assert not (mmbal.folder / "alone").exists()


@pytest.mark.deep
def test_a_managed_service_names_more_than_workers(mmbal):
    """Chief and worker train; who is to serve parameters or to evaluate is sent away."""
    cluster = {"chief": [address()], "worker": [address()], "ps": ["p:1"], "evaluator": ["e:1"]}
    ends = {}
    processes = {
        kind: mmbal.start(
            "run", *mmbal.small, "--epochs", 1, "--out", "managed",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}}),
        )
        for kind in cluster
    }  # fmt: skip
    try:
        for kind, process in processes.items():
            text = process.communicate(timeout=300)[1]
            ends[kind] = process.returncode, text
    finally:
        for process in processes.values():
            process.kill()
    assert [ends[kind][0] for kind in cluster] == [0, 0, 2, 2], ends
    assert "TF_CONFIG makes this process 'evaluator'" in ends["evaluator"][1]
    assert (mmbal.folder / "managed" / "config.toml").is_file()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("epochs", "pauses"),
    [
        pytest.param(4, [0], id="1 kill", marks=pytest.mark.deep),
        pytest.param(
            12, [DRAW.uniform(0, 0.2) for _ in range(5)], id="5 kills", marks=pytest.mark.soak
        ),
    ],
)
def test_kill_mirrored_and_resume_to_equality(mmbal, same_end, epochs, pauses):
    run = ("run", *mmbal.saving, "--epochs", epochs, "--logical-devices", 2)
    unbroken, folder = (mmbal.folder / f"mirrored-{len(pauses)}{end}" for end in ("", "-killed"))
    mmbal(*run, "--out", unbroken.name)
    for pause in pauses:
        process = mmbal.start(*run, "--out", folder.name, "--resume")
        await_checkpoint(mmbal, process, folder, mmbal.newest(folder))
        time.sleep(pause)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    mmbal("run", "--resume", "--out", folder.name)
    same_end(folder, unbroken)
