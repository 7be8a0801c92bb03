"""`mmbal sweep` on real processes, some of which are killed."""

import importlib.util
import json
import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder

STEPS = 6  # an epoch of 180 examples by 32
EPOCHS = 5
LONG = ("--epochs", EPOCHS, "--set", "log_every=1")

with_ray = pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="needs Ray")
on_both_engines = pytest.mark.parametrize(
    "engine",
    [
        pytest.param("processes", marks=pytest.mark.deep),
        pytest.param("ray", marks=[pytest.mark.soak, with_ray]),
    ],
)


@contextmanager
def running(mmbal, *arguments):
    """Start a sweep; it does not outlive the test."""
    process = mmbal.start("sweep", *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_trained(process, folder, epochs):
    """Wait until a trial has finished some epochs."""
    journal, end = folder / "journal.jsonl", time.monotonic() + 200
    while time.monotonic() < end:
        told = journal.read_text() if journal.exists() else ""
        if told.count('"event":"epoch"') >= epochs:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    pytest.fail(f"no {epochs} epochs in {journal}")


def writers_of(journal):
    """Return the processes that have a file open."""
    writers = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if link.readlink() == journal:
                writers.add(int(link.parts[2]))
    return writers


def contents(folder):
    """Return bytes and times of all files in a folder."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_whole(folder):
    """Tell whether a run is finished and holds each of its steps once."""
    record = read_record(folder / "record.h5")
    return record.status == "finished" and [*record.history.steps.index] == [*range(EPOCHS * STEPS)]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the worker in /proc")
@on_both_engines
def test_a_failing_trial_stops_no_other_and_a_killed_worker_is_replaced(mmbal, engine):
    out, listing = mmbal.folder / f"failing-{engine}", mmbal.folder / f"{engine}.jsonl"
    clips = {"optimizer.clipnorm": 1.0, "optimizer.clipvalue": 1.0}
    listing.write_text(json.dumps({"seed": 0, **clips}) + "\n" + json.dumps({"seed": 1}))
    arguments = ("--strategy", "vanilla", "--trials", listing, "--engine", engine, "--json")
    good = out / "trials" / "vanilla-seed1"
    with running(mmbal, *mmbal.small, *LONG, *arguments, "--out", out) as process:
        wait_until_trained(process, good, 1)
        (worker,) = writers_of(good / "journal.jsonl")
        os.kill(worker, signal.SIGKILL)
        stdout, err = process.communicate(timeout=300)

    assert process.returncode == 1, err
    assert stdout.count("\n") == 1
    told = json.loads(stdout)
    assert told["counts"] == {"finished": 1, "failed": 1}
    bad, whole = told["trials"]
    assert bad["error"].startswith("optimizer 'adam': ")
    assert 0 <= whole["accuracy"] <= 1
    assert out / whole["folder"] == good
    assert is_whole(good)
    assert "2/2] vanilla-seed1  accuracy" in err
    assert "Traceback" not in err
    # The plan's configuration, and what made the run.
    config = (good / "config.toml").read_text()
    assert f"seed = 1 # {listing}:2" in config
    assert "[provenance]" in config


@on_both_engines
def test_a_killed_or_stopped_sweep_goes_on_and_leaves_what_is_finished(mmbal, engine):
    out = mmbal.folder / f"stopped-{engine}"
    first, second = (out / "trials" / f"guided-seed{seed}" for seed in (0, 1))
    how = ("--engine", engine, "--concurrent", 1)
    arguments = (*mmbal.small, *LONG, "--seeds", "0-1", *how, "--out", out)
    with running(mmbal, *arguments) as process:
        wait_until_trained(process, first, 1)

    # The former worker may still be at it for a moment; only one may write the folder.
    with running(mmbal, *how, "--out", out) as process:
        wait_until_trained(process, second, 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert err.endswith(f"to go on:  mmbal sweep --out {out} --engine {engine} --concurrent 1\n")
    assert "1 finished, 1 half-done" in err
    assert "Traceback" not in err
    assert is_whole(first)
    assert RunFolder(second).status() == "resumable"
    assert not writers_of(second / "journal.jsonl")
    before = contents(first)

    done = mmbal("sweep", "--out", out)
    again = mmbal("sweep", *arguments)

    assert "2 trials, 1 are finished already; 1 to run" in done.stderr
    assert "2 trials, 2 are finished already; 0 to run" in again.stderr
    assert contents(first) == before
    assert is_whole(second)
    assert done.stdout == again.stdout
    assert "±" in done.stdout


@with_ray
@pytest.mark.soak
def test_a_trial_is_the_same_on_both_engines(mmbal):
    def steps(engine):
        arguments = (*mmbal.small, "--epochs", 1, "--engine", engine, "--out", engine)
        done = mmbal("sweep", *arguments, "--json")
        assert json.loads(done.stdout)["counts"] == {"finished": 1}
        record = read_record(mmbal.folder / engine / "trials" / "guided-seed0" / "record.h5")
        return [*record.history.steps.loss]

    assert steps("ray") == steps("processes")
