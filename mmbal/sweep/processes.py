"""Trials as processes of this machine, none of which outlives the sweep."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmbal.cluster import VARIABLES
from mmbal.data.pool import processors
from mmbal.errors import MmbalError
from mmbal.sweep.job import Outcome, Resources

PAUSE = 0.05
"""Seconds between two looks at the processes."""

# TensorFlow reads them at its start. Sums of another number of threads end in other digits; so
# results depend neither on the machine nor on how many trials it runs at once.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")


async def run_process(trial: Path, gpus: str, *, threads: int) -> Outcome:
    """Run a trial in a process; see `mmbal.sweep.engine.RunTrial`.

    Args:
        trial: its folder.
        gpus: those that it may see, as CUDA_VISIBLE_DEVICES names them.
        threads: of TensorFlow.
    """
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= dict.fromkeys(_THREADS, str(threads)) | {"CUDA_VISIBLE_DEVICES": gpus}
    with (
        # Files, since a pipe that nobody empties would stop the process.
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(  # noqa: ASYNC220  (it takes no time to speak of)
            [sys.executable, "-P", "-m", "mmbal.sweep.job", str(trial)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C reaches it through the sweep alone
        ) as process,
    ):

        def stop(at_once: bool) -> None:
            if at_once:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.send_signal(signal.SIGINT)

        await wait_or_stop(lambda: process.poll() is not None, stop, PAUSE)
        stdout.seek(0)
        with suppress(ValueError):  # it has told nothing
            return Outcome(**json.load(stdout))
        stderr.seek(0)
        trace = stderr.read().decode(errors="replace")
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        return Outcome("killed", error=f"its process was killed by {name}", trace=trace)
    last = trace.rstrip().rpartition("\n")[2]
    return Outcome("failed", error=f"its process ended: {last}", trace=trace)


async def wait_or_stop(
    has_ended: Callable[[], bool], stop: Callable[[bool], None], pause: float
) -> None:
    """Wait for the end of a trial, and stop it each time that this is cancelled.

    Args:
        has_ended: tells whether it has.
        stop: stops it: after its present step, with a checkpoint (False), or at once (True).
        pause: seconds between two looks at it.
    """
    stops = 0
    while not has_ended():
        try:
            await asyncio.sleep(pause)
        except asyncio.CancelledError:
            stops += 1
            stop(stops > 1)


def slots(resources: Resources) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES is for each of the trials that run at once.

    Raises:
        MmbalError: a trial asks for a part of a GPU, or for more than there are.
    """
    gpus = gpu_names()
    asked = min(1, len(gpus)) if resources.gpus is None else resources.gpus
    count = int(asked)
    if count != asked:
        raise MmbalError(
            f"--gpus-per-trial {asked:g}: a process takes whole GPUs; --engine ray shares them"
        )
    if count > len(gpus):
        raise MmbalError(f"a trial asks for {count} GPUs; this machine has {len(gpus)}")
    if not count:
        return ["-1"] * (resources.concurrent or max(1, processors() // resources.threads))
    groups = [",".join(gpus[i : i + count]) for i in range(0, len(gpus) - count + 1, count)]
    return groups[: resources.concurrent]


def gpu_names() -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES calls the GPUs that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [] if visible in ("", "-1") else visible.split(",")
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in listed.split() if name.startswith("GPU-")]
