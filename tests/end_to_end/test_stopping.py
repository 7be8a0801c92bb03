"""Runs that end before they train: Ctrl-C and `kill -9` on real processes."""

import json
import signal
import time

import pytest

from mmbal.records.record_file import read_record

pytestmark = pytest.mark.deep


def test_ctrl_c_before_training_is_one_line(script):
    process = script.start("run", *script.small, "--out", "too-early")
    try:
        assert process.stderr.readline() == "loading TensorFlow\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
        process.communicate()

    assert process.returncode == 130
    assert err.strip() == "interrupted"


def test_kill_before_the_first_step_leaves_a_journal_that_report_rebuilds(mmbal):
    folder = mmbal.folder / "before-the-first-step"
    process = mmbal.start("run", *mmbal.saving, "--out", folder.name)
    journal, end = folder / "journal.jsonl", time.monotonic() + 200
    while not (journal.exists() and '"event":"start"' in journal.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.001)
    process.kill()
    process.communicate()
    # The process may have written on for a moment, but not up to its end.
    assert not (folder / "record.h5").exists()

    report = mmbal("report", folder.name, "--json")

    told = json.loads(report.stdout)
    assert (told["status"], told["epochs"]) == ("unfinished", 0)
    assert "rebuilt" in report.stderr
    assert len(read_record(folder / "record.h5").history.epochs.index) == 0
    failed = mmbal("evaluate", folder.name, status=2)
    assert failed.stderr.splitlines()[-1].startswith("error: ")
