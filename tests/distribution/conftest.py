"""Processes that run to their end, alone or as workers on loopback, and what they leave."""

import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack

import numpy as np
import pytest

ELSEWHERE = ("TF_CONFIG", "SLURM_STEP_NUM_TASKS")
"""What would make a process part of another job."""
LAST_LETTERS = 3000


def environments(workers):
    """Return the environment of each of so many processes."""
    mine = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    mine |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    if workers == 1:
        return [mine]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(workers)]}
    tasks = [{"type": "worker", "index": index} for index in range(workers)]
    return [mine | {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]


def free_ports(count):
    with ExitStack() as held:
        # Held together, so that they differ.
        sockets = [held.enter_context(socket.create_server(("", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def start(words, own, environment):
    """Start a process in a folder of its own, with a log beside it."""
    own.mkdir()
    with own.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            list(map(str, words)), cwd=own, env=environment, stdout=log, stderr=log
        )


def wait(started, seconds):
    """Wait until all have ended well; fail with the log of the first one that does not."""
    deadline = time.monotonic() + seconds
    while None in (codes := [process.poll() for process in started.values()]) and not any(codes):
        assert time.monotonic() < deadline, f"not done within {seconds} seconds"
        time.sleep(0.1)
    for own, process in started.items():
        if process.poll():
            said = own.with_suffix(".log").read_text(errors="replace")[-LAST_LETTERS:]
            pytest.fail(f"{own.name} ended with {process.returncode}:\n{said}", pytrace=False)


@pytest.fixture(scope="session")
def run_jobs():
    """Return a function that runs several commands at the same time, to their end.

    Of a folder and (words, number of workers) by name, each run in `NAME` and its number.
    """

    def run(folder, jobs, seconds=600):
        started = {}
        try:
            for name, (words, workers) in jobs.items():
                for number, environment in enumerate(environments(workers)):
                    own = folder / f"{name}{number}"
                    started[own] = start(words, own, environment)
            wait(started, seconds)
        finally:
            for process in started.values():
                process.kill()
                process.wait()

    return run


@pytest.fixture(scope="session")
def difference():
    """Return a function of two arrays: how far apart, relative to the first's largest entry."""

    def apart(expected, found):
        assert expected.shape == found.shape
        if expected.dtype.kind != "f":
            return 0.0 if (expected == found).all() else np.inf
        finite = np.isfinite(expected)
        assert (finite == np.isfinite(found)).all()
        distance = np.max(np.abs(expected - found)[finite], initial=0)
        size = np.max(np.abs(expected)[finite], initial=0)
        return float(distance / size) if distance else 0.0

    return apart
