"""What trials run on, and the engine that runs them there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.sweep.job import Outcome

Tell = Callable[[str, Outcome], None]
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Resources:
    """What trials run on.

    Args:
        engine: "processes" of this machine, or "ray".
        address: of a Ray cluster, such as "10.0.0.1:6379" or "auto"; None for this machine.
        threads: of each trial.
        gpus: of each trial; None for one where there are any, else none.
        concurrent: most trials at once; None for as many as there is room for.
        retries: how often a trial is begun again whose process died.
    """

    engine: str = "processes"
    address: str | None = None
    threads: int = 1
    gpus: float | None = None
    concurrent: int | None = None
    retries: int = 2

    def check(self) -> None:
        """Raise unless the engine is there and can do what is asked of it.

        Raises:
            MmbalError: Ray is not installed, or is needed for what is asked of processes; or
                this machine has too few GPUs for one of them.
        """
        if self.engine == "ray":
            from mmbal.sweep.ray_engine import require_ray

            require_ray()
        elif self.address is not None:
            raise MmbalError(f"--address {self.address} is that of a Ray cluster: use --engine ray")
        else:
            from mmbal.sweep.processes import slots

            slots(self)


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
