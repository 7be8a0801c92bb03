"""What is watched: how trainings end, and that none is left running."""

import os
import sys

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.laboratory import training
from mmbal.laboratory.layouts import Layout
from mmbal.laboratory.training import Training, how_it_ended

LASTING = "import time; time.sleep(600)"
ONE = Layout("one device", "none", 1)
TWO = Layout("two workers", "multiworker", 2, ((), ()))
WRITE = """
import json, sys
import numpy as np
order = json.loads(sys.argv[1])
np.savez(sys.argv[2], replicas=order["setting"]["replicas"], sums=[1.0, 2.0])
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
def train(monkeypatch):
    """Return a function that begins something in the place of a training."""

    def train(script, layout=ONE, **setting):
        monkeypatch.setattr(training, "PROGRAM", (sys.executable, "-c", script))
        return Training(layout, "nothing:at_all", setting)

    return train


def is_running(begun):
    return any(process.poll() is None for process in begun._processes)


def test_arrays_come_back_and_no_file_stays(train):
    with train(WRITE, replicas=1) as begun:
        arrays = begun.result()

    assert arrays.keys() == {"sums", "replicas"}
    np.testing.assert_array_equal(arrays["sums"], [1, 2])
    assert begun.failure == ""
    assert begun.took > 0
    assert not os.path.exists(begun._folder.name)


def test_another_number_of_replicas_is_no_training(train):
    with (
        train(WRITE, replicas=2) as begun,
        pytest.raises(MmbalError, match="on one device: a process trained on 2 replicas, not on 1"),
    ):
        begun.result()


def test_any_number_of_replicas_will_do_where_none_is_named(train):
    with train(WRITE, Layout("this machine", "auto", 0, (None,)), replicas=3) as begun:
        assert begun.result()["replicas"] == 3


def test_when_one_fails_the_others_are_ended(train):
    with train(ONE_OF_TWO, TWO) as begun:
        with pytest.raises(MmbalError, match="on two workers: a process ended with 1: no peer"):
            begun.result()
        assert not is_running(begun)


def test_workers_that_do_not_end_are_ended(train, monkeypatch):
    monkeypatch.setattr(training, "SECONDS", 0.2)
    with train(LASTING, TWO) as begun:
        with pytest.raises(MmbalError, match=r"a process did not end within 0\.2 seconds"):
            begun.result()
        assert not is_running(begun)


def test_an_interruption_leaves_nothing_running(train):
    begun = train(LASTING, TWO)

    with pytest.raises(KeyboardInterrupt), begun:
        raise KeyboardInterrupt

    assert len(begun._processes) == 2
    assert not is_running(begun)


def test_a_process_that_cannot_begin_leaves_no_other(monkeypatch, tmp_path):
    begun = []

    class Second(training.subprocess.Popen):
        def __init__(self, *arguments, **options):
            if begun:
                raise OSError("no more processes")
            super().__init__(*arguments, **options)
            begun.append(self)

    monkeypatch.setattr(training, "PROGRAM", (sys.executable, "-c", LASTING))
    monkeypatch.setattr(training.subprocess, "Popen", Second)
    with pytest.raises(OSError, match="no more processes"):
        Training(TWO, "nothing:at_all", {})
    assert begun[0].poll() is not None


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
