"""`mmbal sweep` on real Ray processes, some of which are killed."""

import json
import os
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mmbal.recording.reader import read_record

pytest.importorskip("ray")

STEPS = 6  # an epoch of 180 examples by 32
LONG = ("--epochs", 5, "--set", "log_every=1")


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


def is_whole(folder, epochs):
    """Tell whether a run is finished and holds each of its steps once."""
    record = read_record(folder)
    return record.status == "finished" and [*record.history.steps.index] == [*range(epochs * STEPS)]


def test_a_failing_trial_stops_no_other(mmbal):
    out, listing = mmbal.folder / "failing", mmbal.folder / "trials.jsonl"
    clips = {"optimizer.clipnorm": 1.0, "optimizer.clipvalue": 1.0}
    listing.write_text(json.dumps({"epochs": 1, **clips}) + "\n" + json.dumps({"epochs": 1}))

    failed = mmbal(
        "sweep", *mmbal.small, "--strategy", "vanilla", "--trials", listing, "--out", out,
        "--json", status=1,
    )  # fmt: skip

    told = json.loads(failed.stdout)
    assert failed.stdout.count("\n") == 1
    assert told["counts"] == {"finished": 1, "failed": 1}
    bad, good = told["trials"]
    assert bad["error"].startswith("optimizer 'adam': ")
    assert 0 <= good["accuracy"] <= 1
    assert is_whole(out / good["folder"], 1)
    assert "Traceback" not in failed.stderr
    config = (out / good["folder"] / "config.toml").read_text()
    assert f"epochs = 1 # {listing}:2" in config


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the worker in /proc")
def test_a_killed_worker_is_replaced(mmbal):
    out = mmbal.folder / "killed-worker"
    folder = out / "trials" / "vanilla-seed0"
    arguments = (*mmbal.small, *LONG, "--strategy", "vanilla", "--out", out)
    with running(mmbal, *arguments) as process:
        wait_until_trained(process, folder, 1)
        os.kill(writer_of(folder / "journal.jsonl"), signal.SIGKILL)
        _, err = process.communicate(timeout=200)

    assert process.returncode == 0, err
    assert "[1/1] vanilla-seed0  accuracy" in err
    assert is_whole(folder, 5)
    # Without a checkpoint the first attempt was kept, not overwritten.
    (aside,) = (out / "aside").iterdir()
    assert (aside / "journal.jsonl").stat().st_size > 0


def test_a_stopped_sweep_goes_on_and_leaves_what_is_finished(mmbal):
    out = mmbal.folder / "stopped"
    first, second = (out / "trials" / f"vanilla-seed{seed}" for seed in (0, 1))
    options = ("--set", "log_every=1", "--epochs", 4)
    arguments = (*mmbal.small, *options, "--strategy", "vanilla", "--seeds", "0-1")
    with running(mmbal, *arguments, "--concurrent", 1, "--out", out) as process:
        wait_until_trained(process, second, 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert err.endswith(f"to go on:  mmbal sweep --out {out} --concurrent 1\n")
    assert "1 finished, 1 half-done" in err
    assert "Traceback" not in err
    before = contents(first)

    done = mmbal("sweep", "--out", out)
    again = mmbal("sweep", *arguments, "--out", out)

    assert "2 trials, 1 are finished already; 1 to run" in done.stderr
    assert "2 trials, 2 are finished already; 0 to run" in again.stderr
    assert contents(first) == before
    assert is_whole(second, 4)
    assert done.stdout == again.stdout
    assert "±" in done.stdout


def test_a_killed_sweep_goes_on(mmbal):
    out = mmbal.folder / "killed-sweep"
    folder = out / "trials" / "guided-seed0"
    with running(mmbal, *mmbal.small, *LONG, "--out", out) as process:
        wait_until_trained(process, folder, 1)

    # The former worker may still be at it for a moment; only one may write the folder.
    done = mmbal("sweep", "--out", out)

    assert "1 finished" in done.stderr
    assert is_whole(folder, 5)
