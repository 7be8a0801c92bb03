"""What trials run on."""

from collections.abc import Callable
from dataclasses import dataclass

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
