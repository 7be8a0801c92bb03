"""`mmbal` as tests start it: its console script, or a fork that has TensorFlow at hand already."""

import itertools
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).with_name("mmbal")
SMALL = ("--plugin", "colored-digits", "--set", "dataset.train_examples=200",
         "--set", "dataset.test_fraction=0.05")  # fmt: skip
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["mmbal.cli", "mmbal.experiment"])


def be_mmbal(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    files: Sequence[Path],
    largest: int,
) -> None:
    """Do in a fork what a shell does before a program, then run the command line."""
    os.chdir(folder)
    os.environ.update(environment)
    for number, path in enumerate(files, 1):  # stdout and stderr
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # As on a full disk: Python ignores the signal of this limit, so that a write beyond it fails.
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    sys.argv = ["mmbal", *arguments]
    from mmbal.cli import main

    main()


class Forked:
    """A process with an own id, output and status, used like a `subprocess.Popen`."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        logs: Path,
        largest: int = resource.RLIM_INFINITY,
    ) -> None:
        self.args = arguments
        self._files = [Path(f"{logs}.{name}") for name in ("out", "err")]
        self._process = CONTEXT.Process(
            target=be_mmbal,
            args=(folder, arguments, environment, self._files, largest),
            daemon=True,
        )
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status, -N for the signal N; none while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, which: int) -> None:
        if self.returncode is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; return stdout and stderr."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        out, err = (path.read_text() if path.exists() else "" for path in self._files)
        return out, err


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
        return max((path.name for path in (folder / "resume").glob("0*.safetensors")), default="")

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
