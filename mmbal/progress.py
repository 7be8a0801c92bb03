"""How a run tells what it is doing; it never prints itself."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Hears what a run does. Epochs and steps are counted from 1."""

    def started(self, epochs: int, steps_per_epoch: int | None) -> None:
        """Training begins; `steps_per_epoch` is None where a strategy decides it."""

    def stepped(self, epoch: int, step: int, loss: float | None) -> None:
        """`step` of `epoch` is done; call it as often as the loss is known anyway."""

    def epoch_done(self, epoch: int, summary: Mapping[str, float]) -> None:
        """An epoch is over, with its scores by name."""

    def stage(self, text: str) -> None:
        """Something else than training begins, such as "measuring utilization"."""

    def warn(self, text: str) -> None:
        """Something the user should know, in one line."""


class SilentProgress:
    """For runs from Python and for tests: hears all and says nothing."""

    def started(self, epochs: int, steps_per_epoch: int | None) -> None:
        """Do nothing."""

    def stepped(self, epoch: int, step: int, loss: float | None) -> None:
        """Do nothing."""

    def epoch_done(self, epoch: int, summary: Mapping[str, float]) -> None:
        """Do nothing."""

    def stage(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str) -> None:
        """Do nothing."""
