"""Runs on several devices and hosts that are killed or told to stop, and go on."""

import json
import random
import signal
import socket
import time

import pytest

BOUND = 60
"""Seconds after which nobody may still wait for a worker that is gone."""


def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Workers:
    """Two processes that train together."""

    def __init__(self, mmbal, *arguments):
        hosts = [address(), address()]
        self.processes = [
            mmbal.start(
                *arguments,
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


def await_checkpoint(mmbal, process, folder, beyond=""):
    end = time.monotonic() + 120
    while mmbal.newest(folder) <= beyond:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(scope="module")
def unbroken(mmbal):
    """Return the folder of a run of two workers that nothing disturbed."""
    Workers(mmbal, "run", *mmbal.saving, "--epochs", 12, "--out", "two-workers").run()
    return mmbal.folder / "two-workers"


def test_a_killed_worker_stops_the_others_and_the_run_goes_on(mmbal, unbroken, same_end):
    folder = mmbal.folder / "worker-killed"
    for victim in (1, 0):
        workers = Workers(
            mmbal, "run", *mmbal.saving, "--epochs", 12, "--out", folder.name, "--resume"
        )
        await_checkpoint(mmbal, workers.processes[0], folder, mmbal.newest(folder))
        workers.processes[victim].kill()
        ends = workers.end(BOUND)
        status, text = ends[1 - victim]
        assert status == 2
        error = text.splitlines()[-1]
        assert error.startswith(f"error: worker {1 - victim} of 2 lost another one: ")
        assert error.endswith("start all workers again with --resume")
        assert "Traceback" not in text
    Workers(mmbal, "run", "--out", folder.name, "--resume").run()
    same_end(folder, unbroken)


def test_a_worker_told_to_end_ends_all_with_a_checkpoint(mmbal, unbroken, same_end):
    folder = mmbal.folder / "worker-told"
    workers = Workers(mmbal, "run", *mmbal.saving, "--epochs", 12, "--out", folder.name)
    await_checkpoint(mmbal, workers.processes[0], folder)
    workers.processes[1].send_signal(signal.SIGTERM)
    for status, text in workers.end(BOUND):
        assert status == 75, text
        assert f"mmbal run --resume --out {folder.name}" in text
    Workers(mmbal, "run", "--out", folder.name, "--resume").run()
    same_end(folder, unbroken)


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


@pytest.mark.timeout(900)
def test_kill_mirrored_at_random_moments_and_resume_to_equality(mmbal, same_end):
    run = ("run", *mmbal.saving, "--epochs", 12, "--logical-devices", 2)
    mmbal(*run, "--out", "mirrored")
    folder, draw = mmbal.folder / "mirrored-killed", random.Random(1)
    for _ in range(5):
        process = mmbal.start(*run, "--out", folder.name, "--resume")
        await_checkpoint(mmbal, process, folder, mmbal.newest(folder))
        time.sleep(draw.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    mmbal("run", "--resume", "--out", folder.name)
    same_end(folder, mmbal.folder / "mirrored")
