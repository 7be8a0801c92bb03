"""How a run, and what datasets do before it, tell how far they are."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")


class Progress:
    """Hears what a run does, and says nothing; epochs and steps are counted from 1."""

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


def track(items: Iterable[Item], text: str, total: int) -> Iterator[Item]:
    """Yield the items and show a bar of how many have passed, on a terminal's stderr only.

    For what a dataset does with its files, which takes long the first time.

    Args:
        items: of the work, as it gets done.
        text: what is done, such as "drawing objects".
        total: number of items.
    """
    from rich.progress import track as show

    console = _stderr()
    if not console.is_terminal:  # where older versions of rich leave an empty line
        yield from items
        return
    yield from show(items, text, total, console=console, transient=True)


def announce(text: str) -> None:
    """Print a line to stderr before work that is long or takes much room."""
    _stderr().print(text, soft_wrap=True)


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)
