"""`mmbal doctor`: what it prints, its exit code, and one real examination."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mmbal.doctor import examination
from mmbal.doctor.agreement import Agreement
from mmbal.doctor.examination import Diagnosis
from mmbal.laboratory.finding import Finding

HEAVY = {"h5py", "keras", "numpy", "tensorflow", "tensorflow_datasets"}
KINDS = ("weights", "speeds", "isolated", "optimizer", "metrics")
GOOD = [Finding("versions", "ok", "Python 3"), Finding("oneDNN", "warning", "off", "unset it")]
BAD = Finding("self-test, 2 workers", "failed", "differs from 1 CPU device", "use one device")


def agreement(speeds: float = 0.0) -> Agreement:
    return Agreement("2 workers", "float64", dict.fromkeys(KINDS, 0.0) | {"speeds": speeds}, 1e-12)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the examination say what a test wants, and remember what it was asked."""
    told: dict[str, Any] = {"diagnosis": Diagnosis(GOOD, [agreement()])}

    def examine(replicas: int | None, **options: Any) -> Diagnosis:
        told.update(options, replicas=replicas)
        options["notice"]("training on 2 workers")
        return told["diagnosis"]

    monkeypatch.setattr(examination, "examine", examine)
    return told


def test_options(mmbal: Any, asked: dict[str, Any]) -> None:
    mmbal("doctor")
    assert (asked["replicas"], asked["workers"], asked["quick"]) == (None, True, False)

    mmbal("doctor", "--quick", "--replicas", 3, "--no-workers")
    assert (asked["replicas"], asked["workers"], asked["quick"]) == (3, False, True)
    assert mmbal("doctor", "--replicas", 1).exit_code == 2


def test_warnings_are_no_failure(mmbal: Any, asked: dict[str, Any]) -> None:
    done = mmbal("doctor")

    assert done.exit_code == 0
    assert "training on 2 workers" in done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["versions", "ok", "Python", "3"] in lines
    assert ["oneDNN", "warning", "off"] in lines
    assert ["remedy:", "unset", "it"] in lines
    assert lines[-1] == ["warning:", "oneDNN"]


def test_all_is_well(mmbal: Any, asked: dict[str, Any]) -> None:
    asked["diagnosis"] = Diagnosis(GOOD[:1])

    done = mmbal("doctor", "--quick")

    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "all is well"


def test_failures(mmbal: Any, asked: dict[str, Any]) -> None:
    asked["diagnosis"] = Diagnosis([*GOOD, BAD], [agreement(speeds=0.125)])

    done = mmbal("doctor")

    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "failed: self-test, 2 workers"


def test_json(mmbal: Any, asked: dict[str, Any]) -> None:
    asked["diagnosis"] = Diagnosis([BAD], [agreement(speeds=float("inf"))])

    done = mmbal("doctor", "--json")

    assert done.exit_code == 1
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found.keys() == {"mmbal", "ok", "checks", "selftest"}
    assert found["ok"] is False
    assert found["checks"] == [
        {
            "name": "self-test, 2 workers",
            "status": "failed",
            "finding": "differs from 1 CPU device",
            "remedy": "use one device",
        }
    ]
    (compared,) = found["selftest"]
    assert compared == {
        "layout": "2 workers",
        "dtype": "float64",
        "differences": dict.fromkeys(KINDS, 0.0) | {"speeds": None},
        "tolerance": 1e-12,
        "holds": False,
    }


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from mmbal.cli import cli; cli.main(['doctor', '--help'], prog_name='mmbal')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert "--no-workers" in done.stdout
    assert not HEAVY & set(done.stderr.split())


LASTING = '''
import sys
from mmbal.laboratory import training
MARK = """
import json, numpy, os, pathlib, sys, time
if json.loads(sys.argv[1])["distribute"] == "auto":
    numpy.savez(sys.argv[2], gpus=numpy.array([], str), replicas=1)
else:
    pathlib.Path({!r}, str(os.getpid())).touch()
    time.sleep(600)
"""
training.PROGRAM = (sys.executable, "-c", MARK.format(sys.argv.pop()))
from mmbal.cli import main
main()
'''


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    marks, temporary = tmp_path / "marks", tmp_path / "temporary"
    marks.mkdir()
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", LASTING, "doctor", str(marks)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A background job may have been told to ignore Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        try:
            deadline = time.monotonic() + 300
            while not list(marks.iterdir()) and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=300)
        finally:
            process.kill()

    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "interrupted"
    (mark,) = marks.iterdir()
    assert not is_alive(int(mark.name))
    assert not list(temporary.iterdir())


@pytest.mark.deep
def test_this_machine_is_well(tmp_path: Path) -> None:
    """One device, two of them and two workers, really."""
    folder, temporary = tmp_path / "doctor", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "mmbal", "doctor", "--json"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary), "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.splitlines()[0] == "loading TensorFlow"
    assert "training on 2 workers" in done.stderr
    found = json.loads(done.stdout)
    assert found["ok"]
    all_checks_are_told(found["checks"])
    replicas_agree(found["selftest"])
    assert not [*folder.iterdir(), *temporary.iterdir()]


def all_checks_are_told(checks: list[dict[str, Any]]) -> None:
    several, workers = "self-test, 2 CPU devices", "self-test, 2 workers"
    assert [check["name"] for check in checks] == [
        "versions", "plugins", "environment: Keras", "environment: cluster", "environment: paths",
        "environment: output", "devices", "oneDNN", "determinism", several, workers,
    ]  # fmt: skip
    status = {check["name"]: check["status"] for check in checks}
    assert {status[name] for name in ("determinism", several, workers)} == {"ok"}


def replicas_agree(compared: list[dict[str, Any]]) -> None:
    assert [(each["layout"], each["dtype"]) for each in compared] == [
        (layout, dtype)
        for layout in ("2 CPU devices", "2 workers")
        for dtype in ("float32", "float64")
    ]
    for each in compared:
        assert each["tolerance"] == {"float32": 1e-6, "float64": 1e-12}[each["dtype"]]
        assert each["differences"].keys() == set(KINDS)
        assert all(value <= each["tolerance"] for value in each["differences"].values())
