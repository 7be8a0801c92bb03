"""Runs that do not reach their end: Ctrl-C and `kill -9` on real processes."""

import json
import signal
import time
from contextlib import contextmanager

import pytest

from mmbal.recording.reader import read_record

LONG = ("--epochs", 500, "--set", "log_every=1")


@contextmanager
def running(mmbal, out, *arguments):
    """Start a run; it does not outlive the test."""
    process = mmbal.start("run", *mmbal.small, "--out", out, *arguments)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(process, journal, *texts):
    """Wait until the journal holds every text, in the same or different lines."""
    end = time.monotonic() + 200
    while time.monotonic() < end:
        told = journal.read_text() if journal.exists() else ""
        if all(text in told for text in texts):
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    pytest.fail(f"no {texts} in {journal}")


def test_ctrl_c_leaves_a_readable_record_and_says_how_to_go_on(mmbal):
    folder = mmbal.folder / "interrupted"
    with running(mmbal, "interrupted", *LONG) as process:
        wait_for(process, folder / "journal.jsonl", '"event":"epoch"', '"epoch":2,"first"')
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "interrupted: stopped after" in err
    for hint in ("mmbal report", "mmbal evaluate", "--weights last", "--resume"):
        assert hint in err
    record = read_record(folder)
    assert (record.status, record.stop_reason) == ("interrupted", "interrupt")
    assert len(record.history.epochs.index) >= 2
    steps = record.history.steps.index
    assert (steps == range(len(steps))).all()
    scores = json.loads(mmbal("evaluate", "interrupted", "--weights", "last", "--json").stdout)
    assert 0 <= scores["accuracy"] <= 1


def test_ctrl_c_before_training_is_one_line(mmbal):
    with running(mmbal, "too-early", *LONG) as process:
        assert process.stderr.readline() == "loading TensorFlow\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err.strip() == "interrupted"


@pytest.mark.parametrize(
    ("moment", "texts", "arguments"),
    [
        ("before the first step", ['"event":"start"'], LONG),
        ("in the middle", ['"event":"epoch"', '"epoch":1,"first"'], LONG),
        ("while scoring", ['"event":"epoch"'], ("--epochs", 1)),
    ],
)
def test_kill_leaves_a_journal_that_report_rebuilds(mmbal, moment, texts, arguments):
    name = moment.replace(" ", "-")
    folder = mmbal.folder / name
    with running(mmbal, name, *arguments) as process:
        wait_for(process, folder / "journal.jsonl", *texts)
        process.kill()
        process.communicate()
    # The process may have written on for a moment, but not up to its end.
    assert not (folder / "record.h5").exists()

    report = mmbal("report", name, "--json")

    told = json.loads(report.stdout)
    assert told["status"] == "unfinished"
    assert "rebuilt" in report.stderr
    record = read_record(folder)
    assert len(record.history.epochs.index) == told["epochs"]
    assert told["epochs"] == 0 if moment == "before the first step" else told["epochs"] > 0
    if told["epochs"]:
        scores = json.loads(mmbal("evaluate", name, "--json").stdout)
        assert 0 <= scores["accuracy"] <= 1
    else:
        failed = mmbal("evaluate", name, status=2)
        assert failed.stderr.splitlines()[-1].startswith("error: ")
