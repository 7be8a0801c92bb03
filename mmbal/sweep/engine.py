"""Chooses the engine that runs the trials of a sweep."""

from collections.abc import Sequence
from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.sweep.resources import Notice, Resources, Tell


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

    Args:
        trials: their folders, absolute paths.
        resources: what they run on.
        tell: hears the name of a trial and what became of it.
        notice: hears remarks, one line each.

    Raises:
        KeyboardInterrupt: Ctrl-C, after running trials were told to stop and have.
        MmbalError: there is no such cluster, or no room for a trial on this machine.
    """
    if resources.engine == "ray":
        from mmbal.sweep.ray_engine import run_on_ray as run
    else:
        from mmbal.sweep.processes import run_in_processes as run
    run(trials, resources, tell, notice)
