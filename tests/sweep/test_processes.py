"""Real processes, in which trials do what a file beside their configuration says."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from mmbal.errors import MmbalError
from mmbal.sweep.engine import run_all
from mmbal.sweep.folder import write_configuration
from mmbal.sweep.job import Resources
from mmbal.sweep.processes import gpu_names, run_process, slots

# Python imports it at its start; so no process waits for TensorFlow.
STAND_IN = """
import json, sys, types
def run(resolved, catalogue, folder, resume):
    print("a library talks", flush=True)
    scope = {"folder": folder}
    exec((folder / "deed.py").read_text(), scope)
    (folder / "result.json").write_text(json.dumps(scope["result"]))
sys.modules["mmbal.experiment"] = types.SimpleNamespace(run=run)
"""


@pytest.fixture
def sweep(tmp_path, trials_of, monkeypatch):
    """Return what runs deeds as trials, one a seed, and keeps what it was told."""
    (tmp_path / "sitecustomize.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    told, notices = {}, []

    def write(*deeds):
        folders = []
        for trial, deed in zip(trials_of(seeds=f"0-{len(deeds) - 1}"), deeds, strict=True):
            folders.append(tmp_path / "trials" / trial.name)
            write_configuration(folders[-1], trial.resolved)
            (folders[-1] / "deed.py").write_text(deed)
        return folders

    def run(*deeds, notice=notices.append, tell=told.__setitem__, **resources):
        folders = write(*deeds)
        run_all(folders, Resources(**resources), tell, notice)
        results = [folder / "result.json" for folder in folders]
        return [json.loads(file.read_text()) if file.exists() else told[file.parent.name]
                for file in results]  # fmt: skip

    return SimpleNamespace(run=run, write=write, told=told, notices=notices, folder=tmp_path)


def wait_for(path):
    while not path.exists() or not path.read_text():
        time.sleep(0.02)
    return path.read_text()


def is_running(process):
    """Tell whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_ends(process):
    end = time.monotonic() + 30
    while is_running(process):
        assert time.monotonic() < end, f"{process} outlived its sweep"
        time.sleep(0.02)


def test_a_trial_has_its_own_process_threads_and_no_gpu(sweep, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    look = """
import os
names = ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS",
         "CUDA_VISIBLE_DEVICES", "TF_CONFIG"]
result = {"seen": [os.environ.get(name) for name in names], "process": os.getpid()}
"""

    first, second = sweep.run(look, look, threads=2, concurrent=1)

    assert {outcome.status for outcome in sweep.told.values()} == {"finished"}
    assert first["seen"] == second["seen"] == ["2", "2", "2", "-1", None]
    assert len({first["process"], second["process"], os.getpid()}) == 3
    assert sweep.notices == []


def test_no_more_run_at_once_than_may(sweep):
    count = """
import time
running = folder.parent.parent / "running"
running.mkdir(exist_ok=True)
(running / folder.name).touch()
time.sleep(0.3)
result = {"at once": len(list(running.iterdir()))}
(running / folder.name).unlink()
"""

    results = sweep.run(*[count] * 4, concurrent=2)

    assert max(result["at once"] for result in results) <= 2


def test_trials_at_once_have_gpus_of_their_own(sweep, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,5,6,7")
    look = "import os; result = {'gpus': os.environ['CUDA_VISIBLE_DEVICES']}"

    results = sweep.run(look, look, look, gpus=2)

    assert {result["gpus"] for result in results} == {"0,3", "5,6"}


def test_a_bug_and_an_exit_stop_no_other(sweep):
    bug, leaving, good = sweep.run(
        "raise ZeroDivisionError('ours')", "import os; os._exit(3)", "result = {'steps': 8}"
    )

    assert (bug.status, bug.error) == ("failed", "ZeroDivisionError: ours")
    assert "in run_trial" in bug.trace
    assert (leaving.status, leaving.error) == ("failed", "its process ended: a library talks")
    assert good == {"steps": 8}


def test_a_killed_process_is_replaced_until_it_was_killed_too_often(sweep):
    dying = """
import os, signal
attempts = folder / "attempts"
with attempts.open("a") as file:
    file.write("x")
if len(attempts.read_text()) < {}:
    os.kill(os.getpid(), signal.SIGKILL)
result = {{"attempts": len(attempts.read_text())}}
"""

    saved, lost = sweep.run(dying.format(3), dying.format(4), retries=2)

    assert saved == {"attempts": 3}
    assert (lost.status, lost.error) == ("failed", "its process was killed by SIGKILL")
    assert (
        sweep.notices.count("guided-seed0: its process was killed by SIGKILL; it is begun again")
        == 2
    )
    assert len(sweep.notices) == 4


def interrupt_once_begun(folders, which=signal.SIGINT):
    for folder in folders:
        wait_for(folder / "begun")
    os.kill(os.getpid(), which)


SLEEPER = """
import os, time
(folder / "begun").write_text(str(os.getpid()))
try:
    time.sleep(100)
except KeyboardInterrupt:
    (folder / "stopped").touch()
    raise
"""


def test_ctrl_c_stops_what_runs_and_begins_no_other(sweep):
    folders = sweep.write(*[SLEEPER] * 3)
    Thread(target=interrupt_once_begun, args=[folders[:2]]).start()

    with pytest.raises(KeyboardInterrupt):
        sweep.run(*[SLEEPER] * 3, concurrent=2)

    assert {name: outcome.status for name, outcome in sweep.told.items()} == {
        "guided-seed0": "interrupted", "guided-seed1": "interrupted",
    }  # fmt: skip
    assert [(folder / "stopped").exists() for folder in folders] == [True, True, False]
    assert [notice.partition(";")[0] for notice in sweep.notices] == [
        "stopping: trials that run now write their records"
    ]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGHUP])
def test_a_scheduler_or_a_closed_terminal_stops_it_as_ctrl_c_does(sweep, which):
    (folder,) = sweep.write(SLEEPER)
    Thread(target=interrupt_once_begun, args=[[folder], which]).start()

    def notice(text):
        sweep.notices.append(text)
        os.kill(os.getpid(), which)  # which says nothing new

    with pytest.raises(KeyboardInterrupt) as stop:
        sweep.run(SLEEPER, notice=notice)

    assert stop.value.args == (which,)
    assert (folder / "stopped").exists()
    assert len(sweep.notices) == 1


def test_a_trial_stops_where_its_parent_blocks_the_signal(sweep):
    (folder,) = sweep.write(SLEEPER)

    async def stop_once_begun():
        trial = asyncio.create_task(run_process(folder, "-1", threads=1))
        await asyncio.to_thread(wait_for, folder / "begun")
        trial.cancel()
        return await trial

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as in processes of Ray
    try:
        outcome = asyncio.run(stop_once_begun())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    assert outcome.status == "interrupted"
    assert (folder / "stopped").exists()


def test_a_second_ctrl_c_ends_what_does_not_stop(sweep):
    deed = """
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
(folder / "begun").write_text(str(os.getpid()))
time.sleep(100)
"""
    folders = sweep.write(deed)
    Thread(target=interrupt_once_begun, args=[folders]).start()
    notices = []

    def notice(text):
        notices.append(text)
        if len(notices) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sweep.run(deed, notice=notice)

    assert [outcome.status for outcome in sweep.told.values()] == ["interrupted"]
    assert notices[1] == "ending all trials at once"
    assert not is_running((folders[0] / "begun").read_text())


PARENT = """
import subprocess, time
child = subprocess.Popen(["sleep", "100"])
(folder / "begun").write_text(str(child.pid))
time.sleep(100)
"""


def test_what_cannot_be_told_ends_all_processes(sweep):
    deeds = "result = {}", SLEEPER
    _, second = sweep.write(*deeds)

    def tell(name, outcome):
        wait_for(second / "begun")
        raise MmbalError("the disk is full")

    with pytest.raises(MmbalError, match="the disk is full"):
        sweep.run(*deeds, tell=tell, concurrent=2)

    assert not is_running(wait_for(second / "begun"))
    assert (second / "stopped").exists()


def test_no_process_outlives_a_killed_sweep(sweep):
    (folder,) = sweep.write(PARENT)
    program = (
        "from pathlib import Path; from mmbal.sweep.engine import run_all;"
        "from mmbal.sweep.job import Resources;"
        f"run_all([Path({str(folder)!r})], Resources(), print, print)"
    )
    process = subprocess.Popen([sys.executable, "-c", program])

    child = wait_for(folder / "begun")
    assert is_running(child)
    process.kill()
    process.wait()

    assert_ends(child)


@pytest.mark.parametrize(
    ("visible", "resources", "expected"),
    [
        ("", Resources(concurrent=3), ["-1"] * 3),
        ("", Resources(threads=1000), ["-1"]),
        ("-1", Resources(gpus=0, concurrent=1), ["-1"]),
        ("0,1,2", Resources(), ["0", "1", "2"]),
        ("0,1,2", Resources(concurrent=2), ["0", "1"]),
        ("0,1,2", Resources(gpus=2, concurrent=5), ["0,1"]),
        ("GPU-a,GPU-b", Resources(gpus=1.0), ["GPU-a", "GPU-b"]),
        ("0", Resources(gpus=0, concurrent=2), ["-1", "-1"]),
    ],
)
def test_so_many_run_at_once(monkeypatch, visible, resources, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert slots(resources) == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo GPU-1f; echo GPU-2e", ["GPU-1f", "GPU-2e"]),
        ("echo No devices were found", []),
        ("echo GPU-1f; exit 9", []),
        (None, []),
    ],
)
def test_gpus_are_those_of_the_driver(tmp_path, monkeypatch, script, expected):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    assert gpu_names() == expected
