"""What is watched: how trainings end, and that none is left running."""

import subprocess
import sys
import tempfile

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.laboratory import training
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import how_it_ended, train_on

LASTING = "import time; time.sleep(600)"
ONE = Layout("one device", "none", 1)
TWO = Layout("two workers", "multiworker", 2, ((), ()))
WRITE = """
import json, sys
import numpy as np
order = json.loads(sys.argv[1])
np.savez(sys.argv[2], sums=[1.0, order["setting"]["sum"]])
"""
ONE_OF_TWO = """
import os, time
if '"index": 0' in os.environ["TF_CONFIG"]:
    time.sleep(600)
raise SystemExit("no peer")
"""
TWO_TRACEBACKS = """\
a remark
Traceback (most recent call last):
  File "x"
KeyError: 0

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "y"
    no()
ValueError: no such device
"""


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Return the processes that were begun; their files lie below `tmp_path`."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    processes = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(training.subprocess, "Popen", Noted)
    yield processes
    assert all(process.returncode is not None for process in processes)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def train(monkeypatch, begun):
    """Return a function that runs a script in the place of a training."""

    def train(script, layout=ONE, **setting):
        monkeypatch.setattr(training, "PROGRAM", (sys.executable, "-c", script))
        return train_on(layout, "nothing:at_all", setting)

    return train


def test_arrays_come_back(train):
    arrays = train(WRITE, sum=2)

    assert arrays.keys() == {"sums"}
    np.testing.assert_array_equal(arrays["sums"], [1, 2])


def test_when_one_fails_the_others_are_ended(train, begun):
    with pytest.raises(MmbalError, match="on two workers: a process ended with 1: no peer"):
        train(ONE_OF_TWO, TWO)
    assert len(begun) == 2


def test_workers_that_do_not_end_are_ended(train, begun, monkeypatch):
    monkeypatch.setattr(training, "SECONDS", 0.2)
    with pytest.raises(MmbalError, match=r"a process did not end within 0\.2 seconds"):
        train(LASTING, TWO)
    assert len(begun) == 2


def test_an_interruption_leaves_nothing_running(train, begun, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.time, "sleep", interrupt)

    with pytest.raises(KeyboardInterrupt):
        train(LASTING, TWO)

    assert len(begun) == 2


def test_a_process_that_cannot_begin_leaves_no_other(train, begun, monkeypatch):
    Begun = training.subprocess.Popen  # noqa: N806

    def begin(*arguments, **options):
        if begun:
            raise OSError("no more processes")
        return Begun(*arguments, **options)

    monkeypatch.setattr(training.subprocess, "Popen", begin)
    with pytest.raises(OSError, match="no more processes"):
        train(LASTING, TWO)
    assert len(begun) == 1


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (3, "", "ended with 3"),
        (-4, "", "was killed by SIGILL"),
        (1, "a remark\n", "ended with 1: a remark"),
        (1, "one\ntwo\n\nthree\nfour\n", "ended with 1: two / three / four"),
        (1, TWO_TRACEBACKS, "ended with 1: ValueError: no such device"),
    ],
)
def test_the_last_words_of_a_failure_are_one_line_without_traceback(code, said, expected):
    assert how_it_ended(code, said) == expected


def test_last_words_are_few():
    assert how_it_ended(1, "word " * 100) == "ended with 1: " + "word " * 59 + "..."
