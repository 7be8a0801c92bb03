"""Progress on stderr: a bar on a terminal, and one line per epoch or trial."""

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mmbal.cli.console import number
from mmbal.errors import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


class ConsoleProgress:
    """Implements `mmbal.progress.Progress`; use it as a context manager."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._epochs = 0
        self._steps: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def started(self, epochs: int, steps_per_epoch: int | None) -> None:
        """Open the bar."""
        self._close()
        self._epochs, self._steps = epochs, steps_per_epoch
        if self._console.is_terminal:
            self._bar = _bar(self._console)
            total = epochs * (steps_per_epoch or 1)
            self._task = self._bar.add_task(f"epoch 1/{epochs}", total=total, loss="")
            self._bar.start()
        else:
            steps = f" of {counted(steps_per_epoch, 'step')}" if steps_per_epoch else ""
            self._console.print(f"training: {counted(epochs, 'epoch')}{steps}")

    def stepped(self, epoch: int, step: int, loss: float | None) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            shown = "" if loss is None else f"loss {number(loss)}"
            self._bar.update(self._task, description=f"epoch {epoch}/{self._epochs}", loss=shown)
            if self._steps:
                self._bar.update(self._task, completed=(epoch - 1) * self._steps + step)

    def epoch_done(self, epoch: int, summary: Mapping[str, float]) -> None:
        """Print the epoch's scores."""
        scores = "  ".join(f"{name} {number(value)}" for name, value in summary.items())
        self._console.print(f"epoch {epoch}/{self._epochs}  {scores}", soft_wrap=True)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=epoch * (self._steps or 1))

    def stage(self, text: str) -> None:
        """Print what begins now; the bar of the training closes after its last step."""
        if self._bar is not None and self._bar.finished:
            self._close()
        self._console.print(text, style="dim", soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._console.print(f"warning: {text}", style="yellow", soft_wrap=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


class SweepProgress:
    """One line per trial that ends, and a bar over all of them; a context manager.

    Args:
        console: on stderr.
        total: trials of the sweep.
        counts: of trials by status, as they stand before the start.
    """

    def __init__(self, console: "Console", total: int, counts: Mapping[str, int]) -> None:
        self._console = console
        self._total = total
        self._done = counts.get("finished", 0)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "Self":
        left = self._total - self._done
        known = f", {self._done} are finished already" if self._done else ""
        self._console.print(f"{self._total} trials{known}; {left} to run", soft_wrap=True)
        if left and self._console.is_terminal:
            self._bar = _bar(self._console)
            self._task = self._bar.add_task(
                "trials", total=self._total, completed=self._done, loss=""
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def heard(self, row: Mapping[str, Any]) -> None:
        """Print what became of a trial, a row of the table; nothing of one that was stopped."""
        if row["status"] == "finished":
            told = f"accuracy {number(row['accuracy'])}  {number(row['seconds'], 1)} seconds"
        elif row["status"] == "failed":
            told = f"failed: {row['error']}"
        else:
            return
        self._done += 1
        place = f"[{self._done}/{self._total}]"
        self._console.print(f"{place} {row['trial']}  {told}", soft_wrap=True)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done)

    def notice(self, text: str) -> None:
        """Print a remark."""
        self._console.print(text, style="dim", soft_wrap=True)


def _bar(console: "Console") -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
        transient=True,
    )
