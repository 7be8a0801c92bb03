"""Runs that are killed or told to stop, and go on to the very same end."""

import json
import random
import signal
import time

import pytest
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.records.journal import read_journal
from mmbal.records.record_file import read_record

EPOCHS, STEPS = 12, 6  # an epoch of 180 examples by 32
DRAW = random.Random(0)
FEW = [0, "saving", "scoring"]
"""Moments to kill a run: seconds after a checkpoint, while one is written, when all is trained."""
MANY = ["saving", *(DRAW.uniform(0, 0.12) for _ in range(4))] * 4


def start(mmbal, folder, epochs, *arguments):
    return mmbal.start("run", *mmbal.saving, "--epochs", epochs, "--out", folder.name, *arguments)


def wait_until(process, holds):
    end = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.001)


def await_moment(mmbal, process, folder, epochs, moment):
    """Wait for progress beyond the last kill, then for the moment."""
    before = mmbal.newest(folder)
    wait_until(process, lambda: mmbal.newest(folder) > before)
    if moment == "saving":
        wait_until(process, lambda: list((folder / "resume").glob(".*.partial")))
    elif moment == "scoring":
        wait_until(process, lambda: mmbal.newest(folder) == f"{epochs * STEPS:08d}.safetensors")
    else:
        time.sleep(moment)


def assert_readable(mmbal, folder):
    """Check that what a kill left can be reported and evaluated."""
    report = mmbal("report", folder.name, "--json")
    told = json.loads(report.stdout)
    assert told["status"] == "unfinished"
    assert "rebuilt" in report.stderr
    assert told["epochs"] > 0
    record = read_record(folder / "record.h5")
    assert len(record.history.epochs.index) == told["epochs"]
    steps = record.history.steps.index
    assert (steps == range(len(steps))).all()
    scores = json.loads(mmbal("evaluate", folder.name, "--json").stdout)
    assert 0 <= scores["accuracy"] <= 1


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("epochs", "moments"),
    [
        pytest.param(EPOCHS, FEW, id="3 moments", marks=pytest.mark.deep),
        pytest.param(40, MANY, id="20 moments", marks=pytest.mark.soak),
    ],
)
def test_kill_and_resume_to_equality(mmbal, unbroken, same_end, epochs, moments):
    folder = mmbal.folder / f"killed-{len(moments)}"
    for moment in moments:
        process = start(mmbal, folder, epochs, "--resume")
        await_moment(mmbal, process, folder, epochs, moment)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        if moment == "saving":
            assert_readable(mmbal, folder)
    mmbal("run", "--resume", "--out", folder.name)
    same_end(folder, unbroken(epochs))


def stopped(mmbal, which, status, reason):
    """Return the folder of a run that heard a signal after two checkpoints, and its stderr."""
    folder = mmbal.folder / f"told-{which.name}"
    process = start(mmbal, folder, EPOCHS)
    wait_until(process, lambda: len(list((folder / "resume").glob("0*.safetensors"))) == 2)
    process.send_signal(which)
    out, err = process.communicate(timeout=300)
    assert process.returncode == status
    assert out == ""
    assert "with a checkpoint" in err
    assert f"mmbal run --resume --out {folder.name}" in err
    assert "Traceback" not in err
    stop = [e for e in read_journal(folder / "journal.jsonl") if e["event"] == "stop"][-1]
    assert stop["reason"] == reason
    return folder, err


@pytest.mark.deep
def test_ctrl_c_leaves_a_readable_record_and_says_how_to_go_on(mmbal, unbroken, same_end):
    folder, err = stopped(mmbal, signal.SIGINT, 130, "interrupt")
    assert "interrupted: stopped after" in err
    for hint in ("mmbal report", "mmbal evaluate", "--weights last", "--resume"):
        assert hint in err
    record = read_record(folder / "record.h5")
    assert (record.status, record.stop_reason) == ("interrupted", "interrupt")
    assert len(record.history.epochs.index) >= 2
    steps = record.history.steps.index
    assert (steps == range(len(steps))).all()
    scores = json.loads(mmbal("evaluate", folder.name, "--weights", "last", "--json").stdout)
    assert 0 <= scores["accuracy"] <= 1
    mmbal("run", "--resume", "--out", folder.name)
    same_end(folder, unbroken(EPOCHS))


@pytest.mark.deep
def test_sigterm_leaves_checkpoints_that_only_the_same_run_goes_on_from(mmbal, unbroken, same_end):
    folder, _ = stopped(mmbal, signal.SIGTERM, 75, "preempted")
    before = sorted((p.name, p.stat().st_size) for p in folder.iterdir())
    failed = mmbal(
        "run", "--resume", "--out", folder.name, "--set", "strategy.window=3", "--seed", 5,
        status=2,
    )  # fmt: skip
    error = failed.stderr.splitlines()[-1]
    assert "strategy.window was" in error
    assert "seed was 0, is 5" in error
    assert sorted((p.name, p.stat().st_size) for p in folder.iterdir()) == before
    damaged = folder / "resume" / mmbal.newest(folder)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    done = mmbal("run", "--resume", "--out", folder.name)
    assert "damaged checkpoint" in done.stderr
    same_end(folder, unbroken(EPOCHS))


@pytest.mark.deep
def test_a_finished_run_is_told_again(mmbal, unbroken):
    folder = unbroken(EPOCHS)
    journal = (folder / "journal.jsonl").read_bytes()
    again = mmbal("run", "--resume", "--out", folder.name, "--json")
    assert json.loads(again.stdout)["run"] == folder.name
    assert (folder / "journal.jsonl").read_bytes() == journal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "--resume needs --out"), (("--out", "nothing-here"), "no run to resume")],
)
def test_resume_needs_a_folder(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    failed = CliRunner().invoke(cli, ["run", "--resume", *arguments])
    assert failed.exit_code == 2
    assert message in failed.stderr
