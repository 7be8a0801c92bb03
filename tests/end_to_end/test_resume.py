"""Runs that are killed or told to stop, and go on to the very same end."""

import json
import random
import signal
import time

import pytest

from mmbal.recording.journal import read_journal


@pytest.fixture(scope="module")
def unbroken(mmbal):
    """Return the folder of a run that nothing disturbed."""
    mmbal("run", *mmbal.saving, "--epochs", 40, "--out", "unbroken")
    return mmbal.folder / "unbroken"


def kill_at(mmbal, process, folder, moment):
    """Wait for progress beyond the last kill, then for the moment, then kill -9."""
    before, end = mmbal.newest(folder), time.monotonic() + 120
    while mmbal.newest(folder) == before and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    if moment == "saving":
        while not list((folder / "resume").glob(".*.partial")) and process.poll() is None:
            assert time.monotonic() < end
    else:
        time.sleep(moment)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.timeout(900)
def test_kill_at_20_random_moments_and_resume_to_equality(mmbal, unbroken, same_end):
    folder, draw = mmbal.folder / "killed", random.Random(0)
    moments = ["saving", *(draw.uniform(0, 0.12) for _ in range(4))] * 4
    killed = 0
    for moment in moments:
        process = mmbal.start("run", *mmbal.saving, "--epochs", 40, "--out", "killed", "--resume")
        killed += kill_at(mmbal, process, folder, moment)
    assert killed == len(moments)
    mmbal("run", "--resume", "--out", "killed")
    same_end(folder, unbroken)


@pytest.mark.parametrize(("which", "status"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_leaves_a_checkpoint_to_go_on_from(mmbal, unbroken, same_end, which, status):
    folder = mmbal.folder / f"told-{which.name}"
    process = mmbal.start("run", *mmbal.saving, "--epochs", 40, "--out", folder.name)
    while not mmbal.newest(folder):
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(which)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert "with a checkpoint" in err
    assert f"mmbal run --resume --out {folder.name}" in err
    stop = [e for e in read_journal(folder / "journal.jsonl") if e["event"] == "stop"][-1]
    assert stop["reason"] == {75: "preempted", 130: "interrupt"}[status]
    mmbal("run", "--resume", "--out", folder.name)
    same_end(folder, unbroken)


def test_another_configuration_is_refused_and_shown(mmbal, unbroken, same_end):
    folder = mmbal.folder / "refused"
    process = mmbal.start("run", *mmbal.saving, "--epochs", 40, "--out", "refused")
    while len(list((folder / "resume").glob("0*.h5"))) < 2:
        time.sleep(0.01)
        assert process.poll() is None
    process.kill()
    process.communicate()
    before = sorted((p.name, p.stat().st_size) for p in folder.iterdir())
    failed = mmbal(
        "run", "--resume", "--out", "refused", "--set", "strategy.window=3", "--seed", 5, status=2
    )
    error = failed.stderr.splitlines()[-1]
    assert "strategy.window was" in error
    assert "seed was 0, is 5" in error
    assert sorted((p.name, p.stat().st_size) for p in folder.iterdir()) == before
    damaged = folder / "resume" / mmbal.newest(folder)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    done = mmbal("run", "--resume", "--out", "refused")
    assert "damaged checkpoint" in done.stderr
    same_end(folder, unbroken)


def test_a_finished_run_is_told_again(mmbal, unbroken):
    journal = (unbroken / "journal.jsonl").read_bytes()
    again = mmbal("run", "--resume", "--out", "unbroken", "--json")
    assert json.loads(again.stdout)["run"] == "unbroken"
    assert (unbroken / "journal.jsonl").read_bytes() == journal


def test_resume_needs_a_folder(mmbal):
    failed = mmbal("run", "--resume", status=2)
    assert "--resume needs --out" in failed.stderr
    failed = mmbal("run", "--resume", "--out", "nothing-here", status=2)
    assert "no run to resume" in failed.stderr
