"""`mmbal sweep` on real Ray processes, some of which are killed."""

import json
import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mmbal.records.reader import read_record

pytest.importorskip("ray")
pytestmark = pytest.mark.deep

STEPS = 6  # an epoch of 180 examples by 32
EPOCHS = 5
LONG = ("--epochs", EPOCHS, "--set", "log_every=1")


@contextmanager
def running(script, *arguments):
    """Start a sweep; it does not outlive the test."""
    process = script.start("sweep", *arguments)
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


def writer_of(journal):
    """Return the process that has a file open."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if link.readlink() == journal:
                return int(link.parts[2])
    return pytest.fail(f"nobody writes {journal}")


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
def test_a_failing_trial_stops_no_other_and_a_killed_worker_is_replaced(script):
    out, listing = script.folder / "failing", script.folder / "trials.jsonl"
    clips = {"optimizer.clipnorm": 1.0, "optimizer.clipvalue": 1.0}
    listing.write_text(json.dumps({"seed": 0, **clips}) + "\n" + json.dumps({"seed": 1}))
    arguments = ("--strategy", "vanilla", "--trials", listing, "--out", out, "--json")
    good = out / "trials" / "vanilla-seed1"
    with running(script, *script.small, *LONG, *arguments) as process:
        wait_until_trained(process, good, 1)
        os.kill(writer_of(good / "journal.jsonl"), signal.SIGKILL)
        stdout, err = process.communicate(timeout=200)

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
    assert f"seed = 1 # {listing}:2" in (good / "config.toml").read_text()
    # Without a checkpoint the first attempt was kept, not overwritten.
    (aside,) = (out / "aside").iterdir()
    assert (aside / "journal.jsonl").stat().st_size > 0


def test_a_killed_or_stopped_sweep_goes_on_and_leaves_what_is_finished(script):
    out = script.folder / "stopped"
    first, second = (out / "trials" / f"guided-seed{seed}" for seed in (0, 1))
    arguments = (*script.small, *LONG, "--seeds", "0-1", "--concurrent", 1, "--out", out)
    with running(script, *arguments) as process:
        wait_until_trained(process, first, 1)

    # The former worker may still be at it for a moment; only one may write the folder.
    with running(script, "--concurrent", 1, "--out", out) as process:
        wait_until_trained(process, second, 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert err.endswith(f"to go on:  mmbal sweep --out {out} --concurrent 1\n")
    assert "1 finished, 1 half-done" in err
    assert "Traceback" not in err
    assert is_whole(first)
    before = contents(first)

    done = script("sweep", "--out", out)
    again = script("sweep", *arguments)

    assert "2 trials, 1 are finished already; 1 to run" in done.stderr
    assert "2 trials, 2 are finished already; 0 to run" in again.stderr
    assert contents(first) == before
    assert is_whole(second)
    assert done.stdout == again.stdout
    assert "±" in done.stdout
