"""Trains in processes of their own, of which none outlives its time, or this one.

Devices must be set before TensorFlow starts, and a TensorFlow that cannot start must not take
this process along.
"""

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from mmbal.errors import MmbalError
from mmbal.laboratory.layouts import Layout

if TYPE_CHECKING:
    import numpy as np

PROGRAM = (sys.executable, "-m", "mmbal.laboratory.program")
SECONDS = 300
"""After which a process is ended; a minute is much."""
_PAUSE = 0.05
"""Seconds between two looks at the processes."""
_LINES, _LETTERS = 3, 300


def train_on(layout: Layout, train: str, setting: Mapping[str, Any]) -> "dict[str, np.ndarray]":
    """Train on one layout; return the arrays that come of it.

    Its processes need each other: when one fails, or time is over, all are ended.

    Args:
        layout: what to train on.
        train: what trains, as "package.module:function"; it is called with the open
            `tf.distribute` strategy and with `setting`, and returns arrays by name.
        setting: anything that JSON holds.

    Raises:
        MmbalError: a process failed, or found another number of replicas.
    """
    order = {
        "distribute": layout.distribute,
        "logical_devices": layout.logical_devices,
        "replicas": layout.replicas,
        "train": train,
        "setting": setting,
        "seconds": SECONDS,
    }
    with TemporaryDirectory(prefix="mmbal-laboratory-") as folder, ExitStack() as stack:
        out = Path(folder, "arrays.npz")
        processes = {}
        for number, environment in enumerate(layout.environments()):
            # Into a file: a pipe that nobody empties would stop the process.
            errors = stack.enter_context(Path(folder, f"{number}.err").open("wb"))
            words = [*PROGRAM, json.dumps(order), str(out)]
            process = _start(words, environment, folder, errors)
            stack.callback(process.wait)
            stack.callback(process.kill)
            processes[Path(errors.name)] = process
        if failure := _wait(processes):
            raise MmbalError(f"training on {layout.name}: a process {failure}")
        import numpy as np  # which may be what is wrong, but did not fail there

        with np.load(out) as file:
            return dict(file)


def _start(
    words: Sequence[str], environment: Mapping[str, str], folder: str, errors: BinaryIO
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words,
        env={**environment, "TMPDIR": folder},  # TensorFlow leaves modules there
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )


def _wait(processes: Mapping[Path, subprocess.Popen[bytes]]) -> str:
    """Return how the first process failed, by its file of errors, or "" when all are done."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        codes = {errors: process.poll() for errors, process in processes.items()}
        for errors, code in codes.items():
            if code:
                return how_it_ended(code, errors.read_text(encoding="utf-8", errors="replace"))
        if None not in codes.values():
            return ""
        time.sleep(_PAUSE)
    return f"did not end within {SECONDS} seconds"


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
