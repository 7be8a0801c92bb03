"""`mmbal` as a fork of a process that has imported TensorFlow and done nothing with it."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

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
