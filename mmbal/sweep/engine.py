"""Runs folders that hold a configuration: many at once, again after a death, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.sweep.job import Outcome, Resources

Tell = Callable[[str, Outcome], None]
Notice = Callable[[str], None]
RunTrial = Callable[[Path, str], Awaitable[Outcome]]
"""Runs a trial in a slot. Cancelled once, it stops the trial, and waits; twice, it ends it."""

_NOTICES = (
    "stopping: trials that run now write their records; Ctrl-C again ends them at once",
    "ending all trials at once",
)


def check(resources: Resources) -> None:
    """Raise unless the engine is there and can do what is asked of it.

    Raises:
        MmbalError: Ray is not installed, or is needed for what is asked of processes; or
            this machine has too few GPUs for one of them.
    """
    if resources.engine == "ray":
        from mmbal.sweep.ray_engine import require_ray

        require_ray()
    elif resources.address is not None:
        raise MmbalError(
            f"--address {resources.address} is that of a Ray cluster: use --engine ray"
        )
    else:
        from mmbal.sweep.processes import slots

        slots(resources)


def run_all(trials: Sequence[Path], resources: Resources, tell: Tell, notice: Notice) -> None:
    """Run trials; every one is told once, in the order in which they end.

    Ctrl-C, SIGTERM or SIGHUP stops what runs after its present step, with a checkpoint, and begins
    no other; a second Ctrl-C ends it at once.

    Args:
        trials: their folders, absolute paths; one that holds a finished run tells its result.
        resources: what they run on.
        tell: hears the name of a trial and what became of it.
        notice: hears remarks, one line each.

    Raises:
        KeyboardInterrupt: after running trials were told to stop and have; with the signal.
        MmbalError: there is no such cluster, or no room for a trial on this machine.
    """
    with _engine(resources, len(trials), notice) as (run, slots):
        batch = _Batch(run, slots, resources.retries, tell, notice)
        try:
            asyncio.run(batch.complete(trials))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
    if batch.stops:
        raise KeyboardInterrupt(batch.stops[0])


class _Batch:
    """Trials that wait for a slot, or run."""

    def __init__(
        self, run: RunTrial, slots: Sequence[str], retries: int, tell: Tell, notice: Notice
    ) -> None:
        self._run, self._retries, self._tell, self._notice = run, retries, tell, notice
        self._free: asyncio.Queue[str] = asyncio.Queue()
        for slot in slots:
            self._free.put_nowait(slot)
        self._tasks: list[asyncio.Task[None]] = []
        self.stops: list[signal.Signals] = []

    async def complete(self, trials: Sequence[Path]) -> None:
        loop = asyncio.get_running_loop()
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What nohup ignores stays ignored; Ctrl-C is heard in the background, too.
            if which is signal.SIGINT or signal.getsignal(which) != signal.SIG_IGN:
                loop.add_signal_handler(which, self._stop, which)
        async with asyncio.TaskGroup() as group:
            self._tasks = [group.create_task(self._settle(trial)) for trial in trials]

    async def _settle(self, trial: Path) -> None:
        slot = await self._free.get()
        task = asyncio.current_task()
        for retries_left in reversed(range(self._retries + 1)):
            outcome = await self._run(trial, slot)
            is_stopped = task is not None and task.cancelling() > 0
            if outcome.status != "killed" or is_stopped or not retries_left:
                break
            self._notice(f"{trial.name}: {outcome.error}; it is begun again")
        self._free.put_nowait(slot)
        if outcome.status == "killed":
            outcome = Outcome("interrupted") if is_stopped else replace(outcome, status="failed")
        self._tell(trial.name, outcome)

    def _stop(self, which: signal.Signals) -> None:
        if self.stops and which is not signal.SIGINT:
            return  # a scheduler may send it more than once
        self._notice(_NOTICES[min(len(self.stops), 1)])
        self.stops.append(which)
        for task in self._tasks:
            task.cancel()


@contextmanager
def _engine(
    resources: Resources, trials: int, notice: Notice
) -> Iterator[tuple[RunTrial, Sequence[str]]]:
    """Yield what runs a trial, and the slots for those that run at once."""
    if resources.engine == "ray":
        from mmbal.sweep.ray_engine import ray_tasks

        with ray_tasks(resources, notice) as run:
            yield run, [""] * (resources.concurrent or trials)
    else:
        from mmbal.sweep.processes import run_process, slots

        yield partial(run_process, threads=resources.threads), slots(resources)
