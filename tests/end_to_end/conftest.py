"""Real processes of `mmbal`, and one run that several tests look at."""

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mmbal.recording.journal import read_journal

# `forked` is found by its name in the process that is forked, too.
if str(Path(__file__).parent) not in sys.path:
    sys.path.append(str(Path(__file__).parent))

from forked import Forked

VOLATILE = {"time", "seconds", "resumed_at", "run"}
ABOUT = ("event", "first", "epoch", "split", "weights", "name")
PROGRAM = Path(sys.executable).with_name("mmbal")
SMALL = ("--plugin", "colored-digits", "--set", "dataset.train_examples=200",
         "--set", "dataset.test_fraction=0.05")  # fmt: skip


class Script:
    """Runs the console script `mmbal` in a folder."""

    small = SMALL
    saving = (*SMALL, "--set", "checkpoint_steps=7", "--set", "log_every=3")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: Any, **environment: str) -> Any:
        """Start a process; it can be signalled and killed."""
        return subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A background job, such as a CI runner's, may have been told to ignore Ctrl-C, and
            # its children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def __call__(
        self, *arguments: Any, status: int = 0, **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a process to its end."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=300)
        assert process.returncode == status, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def newest(self, folder: Path) -> str:
        """Return the name of the newest checkpoint of a run, "" for none."""
        return max((path.name for path in (folder / "resume").glob("0*.h5")), default="")

    def train(self, out: Path, *arguments: Any) -> dict[str, Any]:
        """Run one small epoch; return the object of the last line of stdout."""
        done = self("run", *self.small, "--epochs", 1, "--out", out, "--json", *arguments)
        return last_object(done.stdout)


class Forks(Script):
    """Runs `mmbal` in a folder without importing TensorFlow each time, half of a small run."""

    def __init__(self, folder: Path, logs: Path) -> None:
        super().__init__(folder)
        self._logs = (logs / str(number) for number in itertools.count())

    def start(
        self, *arguments: Any, largest: int = resource.RLIM_INFINITY, **environment: str
    ) -> Forked:
        """Start a process whose files may not grow beyond a size."""
        words = [*map(str, arguments)]
        return Forked(self.folder, words, environment, next(self._logs), largest)


def last_object(text: str) -> dict[str, Any]:
    """Return the JSON object on the last line."""
    found = json.loads(text.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="session")
def script(tmp_path_factory: pytest.TempPathFactory) -> Script:
    """Return what runs the console script."""
    return Script(tmp_path_factory.mktemp("mmbal"))


@pytest.fixture(scope="session")
def mmbal(script: Script, tmp_path_factory: pytest.TempPathFactory) -> Forks:
    """Return what runs `mmbal` in the same folder as the script."""
    return Forks(script.folder, tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="session")
def trained(script: Script) -> "subprocess.CompletedProcess[str]":
    """Run one small epoch of guided balancing into the folder `first`."""
    return script("run", *script.small, "--epochs", 1, "--out", "first", "--json")


@pytest.fixture(scope="session")
def unbroken(mmbal: Forks) -> Callable[[int], Path]:
    """Return a function from a number of epochs to the folder of a run that nothing disturbed."""

    def run(epochs: int) -> Path:
        folder = mmbal.folder / f"unbroken-{epochs}"
        if not folder.exists():
            mmbal("run", *mmbal.saving, "--epochs", epochs, "--out", folder.name)
        return folder

    return run


@pytest.fixture(scope="session")
def same_end() -> Callable[[Path, Path], None]:
    """Return what asserts that two finished runs left the same, bit for bit."""
    return assert_same_end


def assert_same_end(folder: Path, unbroken: Path) -> None:
    """Compare all that a run leaves but its times."""
    ours, theirs = weights(folder), weights(unbroken)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    ours, theirs = lines(folder), lines(unbroken)
    assert ours.keys() == theirs.keys()
    for key, event in ours.items():
        assert event == theirs[key]
    assert not (folder / "resume").exists()


def weights(folder: Path) -> dict[str, Any]:
    """Return every array of both weight files."""
    found: dict[str, Any] = {}
    for name in ("weights.weights.h5", "last.weights.h5"):
        with h5py.File(folder / name) as file:
            datasets: list[str] = []
            file.visit(datasets.append)
            arrays = [path for path in datasets if isinstance(file[path], h5py.Dataset)]
            found |= {f"{name}/{path}": file[path][()] for path in arrays}
    return found


def lines(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the journal's events by what they are about; what is told again replaces."""
    told = {}
    for line in read_journal(folder / "journal.jsonl"):
        event = {name: value for name, value in line.items() if name not in VOLATILE}
        if event["event"] == "end":
            event["result"] = {k: v for k, v in event["result"].items() if k not in VOLATILE}
        if event["event"] != "stop":
            told[tuple(str(event.get(name)) for name in ABOUT)] = event
    return told
