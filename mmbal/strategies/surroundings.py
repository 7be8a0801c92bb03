"""What a run offers to the strategy that it trains with, and `fit` alone does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mmbal.data import Examples


class Samples(Protocol):
    """Shows the training examples that a plan asks for."""

    def assign(self, plan: Any) -> None:
        """Follow a `SamplerPlan` from the next epoch on."""


def _unheard(name: str, values: Mapping[str, float]) -> None:
    """Take a note where nobody records it."""


@dataclass(frozen=True)
class Surroundings:
    """The run around a model; without arguments, that of `fit` alone.

    Args:
        epochs: of the whole run; None where it is unknown.
        batch_size: examples per step, over all replicas; None where it is unknown.
        examples: the training examples, never augmented.
        sampler: shows the examples of a strategy's plans.
        rehearse: maps a model to what trains its network and undoes it (`Rehearsal`).
        note: tells the user, and the record, what a strategy found out.
        ids: whether every batch tells which examples it shows.
        shared_out: whether the data hold this host's rows only, not those of the global batch.
        open_ended: whether epochs differ in length, or a resumed one begins anywhere.
        resumed_epoch: number of the epoch that a resumed training goes on with after its plan
            was made.
        folder: of the run.
        settings: what makes the run this one, by dotted key.
    """

    epochs: int | None = None
    batch_size: int | None = None
    examples: Examples | None = None
    sampler: Samples | None = None
    rehearse: Callable[[Any], Any] | None = None
    note: Callable[[str, Mapping[str, float]], None] = _unheard
    ids: bool = False
    shared_out: bool = False
    open_ended: bool = False
    resumed_epoch: int | None = None
    folder: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


ALONE = Surroundings()
