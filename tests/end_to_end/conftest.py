"""Real processes of `mmbal`, and one run that several tests look at."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(sys.executable).with_name("mmbal")
SMALL = ("--plugin", "colored-digits", "--set", "dataset.train_examples=200")


class CommandLine:
    """Runs `mmbal` in a folder."""

    small = SMALL

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: Any) -> "subprocess.Popen[str]":
        """Start a process; it can be signalled and killed."""
        return subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A background job, such as a CI runner's, may have been told to ignore Ctrl-C, and
            # its children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def __call__(self, *arguments: Any, status: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run a process to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        assert process.returncode == status, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def train(self, out: Path, *arguments: Any) -> dict[str, Any]:
        """Run one small epoch; return the object of the last line of stdout."""
        done = self("run", *self.small, "--epochs", 1, "--out", out, "--json", *arguments)
        return last_object(done.stdout)


def last_object(text: str) -> dict[str, Any]:
    """Return the JSON object on the last line."""
    found = json.loads(text.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="session")
def mmbal(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Return what runs `mmbal`."""
    return CommandLine(tmp_path_factory.mktemp("mmbal"))


@pytest.fixture(scope="session")
def trained(mmbal: CommandLine) -> "subprocess.CompletedProcess[str]":
    """Run one small epoch of guided balancing into the folder `first`."""
    return mmbal("run", *mmbal.small, "--epochs", 1, "--out", "first", "--json")
