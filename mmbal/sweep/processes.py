"""Trials as processes of this machine, none of which outlives the sweep."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mmbal.data.pool import processors
from mmbal.errors import MmbalError
from mmbal.sweep.job import FOREIGN, Outcome, threads_of
from mmbal.sweep.resources import Notice, Resources, Tell

PAUSE = 0.05
"""Seconds between two looks at the processes."""

STOP, KILL = 1, 2
_NOTICES = {
    STOP: "stopping: trials that run now write their records; Ctrl-C again ends them at once",
    KILL: "ending all trials at once",
}


class Process:
    """A trial at work, in a group of its own: Ctrl-C reaches it through the sweep alone.

    Args:
        trial: its folder.
        retries: how often it may be begun again.
        gpus: those that it may see, as CUDA_VISIBLE_DEVICES names them.
        threads: of TensorFlow.
    """

    def __init__(self, trial: Path, retries: int, gpus: str, threads: int) -> None:
        self.trial, self.retries, self.gpus = trial, retries, gpus
        self._urgency = 0
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        # Files, since a pipe that nobody empties would stop the process; `outcome` closes them.
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mmbal.sweep.job", str(trial)],
            env=inherited | threads_of(threads) | {"CUDA_VISIBLE_DEVICES": gpus},
            stdin=subprocess.PIPE,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )

    @property
    def has_ended(self) -> bool:
        """Tell whether it has come to an end, of whatever kind."""
        return self._process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Tell whether a signal has ended it."""
        return self._process.returncode < 0

    def stop(self, urgency: int) -> None:
        """`STOP` it after the present step, with a checkpoint; or `KILL` it and its children."""
        if urgency <= self._urgency or self.has_ended:
            return
        self._urgency = urgency
        if urgency == STOP:
            self._process.send_signal(signal.SIGINT)
        else:
            os.killpg(self._process.pid, signal.SIGKILL)

    def outcome(self) -> Outcome:
        """Wait for its end; return what became of it."""
        with self._process, self._stdout as stdout, self._stderr as stderr:
            self._process.wait()
            stdout.seek(0)
            with suppress(ValueError):  # it has told nothing
                return Outcome(**json.load(stdout))
            stderr.seek(0)
            trace = stderr.read().decode(errors="replace")
        if self._urgency:
            return Outcome("interrupted")
        code, last = self._process.returncode, trace.rstrip().rpartition("\n")[2]
        how = f"was killed by {signal.Signals(-code).name}" if self.was_killed else f"ended: {last}"
        return Outcome("failed", error=f"its process {how}", trace=trace)


def run_in_processes(
    trials: Sequence[Path], resources: Resources, tell: Tell, notice: Notice
) -> None:
    """Run trials; see `mmbal.sweep.engine.run_all`."""
    free = deque(slots(resources))
    waiting = deque((trial, resources.retries) for trial in trials)
    running: list[Process] = []
    urgency = 0
    with _interrupts() as interrupts:
        try:
            while running or (waiting and not interrupts):
                while waiting and free and not interrupts:
                    running.append(Process(*waiting.popleft(), free.popleft(), resources.threads))
                if len(interrupts) > urgency:
                    urgency = min(len(interrupts), KILL)
                    notice(_NOTICES[urgency])
                for process in [*running]:
                    process.stop(urgency)
                    if process.has_ended:
                        running.remove(process)
                        free.append(process.gpus)
                        waiting.extendleft(_settle(process, tell, notice))
                time.sleep(PAUSE)
        finally:  # something has gone wrong, such as with the table
            for process in running:
                process.stop(KILL)
                process.outcome()
    if interrupts:
        raise KeyboardInterrupt


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


def _settle(process: Process, tell: Tell, notice: Notice) -> Iterator[tuple[Path, int]]:
    """Tell what became of a trial; or yield it again where its process was killed."""
    name, outcome = process.trial.name, process.outcome()
    if outcome.status == "failed" and process.was_killed and process.retries:
        notice(f"{name}: {outcome.error}; it is begun again")
        yield process.trial, process.retries - 1
    else:
        tell(name, outcome)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect what Ctrl-C sends, which else would break into anything."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        yield heard
    finally:
        signal.signal(signal.SIGINT, before)
