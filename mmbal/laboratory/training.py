"""A training in processes that are watched: none outlives its time, or the one that wants it.

Devices must be set before TensorFlow starts, and a TensorFlow that cannot start must not take
this process along; so whatever trains runs in processes of its own.
"""

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from mmbal.errors import MmbalError
from mmbal.laboratory.layouts import SECONDS, Layout

if TYPE_CHECKING:
    import numpy as np

PROGRAM = (sys.executable, "-m", "mmbal.laboratory.program")
PAUSE = 0.05
"""Seconds between two looks at the processes."""
_LINES, _LETTERS = 3, 300


class Training:
    """A training on one layout, which has begun when this is made.

    Its processes need each other: when one fails, or time is over, all are ended.

    Args:
        layout: what to train on.
        train: what trains, as "package.module:function"; it is called with the open
            `tf.distribute` strategy and with `setting`, and returns arrays by name.
        setting: anything that JSON holds.

    Attributes:
        arrays: what came of it, and `replicas`, their number; empty before the end.
        failure: how the first process failed, in one line; "" where none did, None before the end.
        took: seconds from start to end.
    """

    def __init__(self, layout: Layout, train: str, setting: Mapping[str, Any]) -> None:
        self.layout = layout
        self.arrays: dict[str, np.ndarray] = {}
        self.failure: str | None = None
        self.took = 0.0
        self._folder = TemporaryDirectory(prefix="mmbal-laboratory-")
        self._out = Path(self._folder.name) / "arrays.npz"
        self._began = time.monotonic()
        order = {
            "distribute": layout.distribute,
            "logical_devices": layout.logical_devices,
            "train": train,
            "setting": setting,
            "seconds": SECONDS,
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for environment in layout.environments():
                self._start([*PROGRAM, json.dumps(order), str(self._out)], environment)
        except BaseException:
            self.__exit__()
            raise

    def has_ended(self) -> bool:
        """Return whether all processes are done, or one has failed and all are ended."""
        if self.failure is None:
            self.took = time.monotonic() - self._began
            self.failure = self._outcome()
            if self.failure is not None:
                self._kill()
        return self.failure is not None

    def result(self) -> "dict[str, np.ndarray]":
        """Wait for the end and return the arrays.

        Raises:
            MmbalError: a process failed, or trained on another number of replicas.
        """
        while not self.has_ended():
            time.sleep(PAUSE)
        if self.failure:
            raise MmbalError(f"training on {self.layout.name}: a process {self.failure}")
        return self.arrays

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, wait until it has ended, and remove its files."""
        self._kill()
        self._folder.cleanup()

    def _start(self, words: list[str], environment: Mapping[str, str]) -> None:
        # Into a file: a pipe that nobody empties would stop the process.
        with self._said(len(self._processes)).open("wb") as said:
            process = subprocess.Popen(
                words,
                env={**environment, "TMPDIR": self._folder.name},  # TensorFlow leaves modules there
                cwd=self._folder.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
        self._processes.append(process)

    def _outcome(self) -> str | None:
        codes = [process.poll() for process in self._processes]
        for number, code in enumerate(codes):
            if code:
                said = self._said(number).read_text(encoding="utf-8", errors="replace")
                return how_it_ended(code, said)
        if None not in codes:
            return self._read()
        return f"did not end within {SECONDS} seconds" if self.took > SECONDS else None

    def _read(self) -> str:
        import numpy as np  # which may be what is wrong, but did not fail there

        with np.load(self._out) as file:
            arrays = dict(file)
        replicas, expected = int(arrays["replicas"]), self.layout.replicas
        if expected not in (0, replicas):  # one device would agree with itself
            return f"trained on {replicas} replicas, not on {expected}"
        self.arrays = arrays
        return ""

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def _said(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}.err"


def how_it_ended(code: int, said: str) -> str:
    """Return how a process failed, in one line.

    Args:
        code: its exit code; -N where signal N killed it.
        said: what it wrote to stderr; its last lines count, without the traceback.
    """
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
    words = said.rpartition("Traceback (most recent call last):")[2].splitlines()
    lines = [line for line in words if line.strip() and not line[0].isspace()][-_LINES:]
    last = textwrap.shorten(" / ".join(lines), _LETTERS, placeholder=" ...")
    return f"{how}: {last}" if last else how
