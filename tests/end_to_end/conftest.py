"""Real processes of `mmbal`, and one run that several tests look at."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from programs import Forks, Script

from mmbal.records.journal import read_journal

VOLATILE = {"time", "seconds", "resumed_at", "run"}
ABOUT = ("event", "first", "epoch", "split", "weights", "name")


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
