"""Progress on stderr: a bar on a terminal, and one line per epoch or trial."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from mmbal.cli.console import number
from mmbal.errors import counted
from mmbal.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


class Bar:
    """Prints lines and, where the console is a terminal, a bar below them; a context manager.

    Args:
        console: on stderr.
    """

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", loss="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._bar.live.stop()  # older versions of rich print a line when a disabled bar stops


class ConsoleProgress(Bar, Progress):
    """Tells of a run."""

    _epochs = 0
    _steps: int | None = None

    def started(self, epochs: int, steps_per_epoch: int | None) -> None:
        """Open the bar."""
        self._epochs, self._steps = epochs, steps_per_epoch
        if self._console.is_terminal:
            total = epochs * (steps_per_epoch or 1)
            self._bar.reset(self._task, total=total, description=f"epoch 1/{epochs}", loss="")
            self._bar.start()
        else:
            steps = f" of {counted(steps_per_epoch, 'step')}" if steps_per_epoch else ""
            self._console.print(f"training: {counted(epochs, 'epoch')}{steps}")

    def stepped(self, epoch: int, step: int, loss: float | None) -> None:
        """Move the bar."""
        shown = "" if loss is None else f"loss {number(loss)}"
        self._bar.update(self._task, description=f"epoch {epoch}/{self._epochs}", loss=shown)
        if self._steps:
            self._bar.update(self._task, completed=(epoch - 1) * self._steps + step)

    def epoch_done(self, epoch: int, summary: Mapping[str, float]) -> None:
        """Print the epoch's scores."""
        scores = "  ".join(f"{name} {number(value)}" for name, value in summary.items())
        self._console.print(f"epoch {epoch}/{self._epochs}  {scores}", soft_wrap=True)
        self._bar.update(self._task, completed=epoch * (self._steps or 1))

    def stage(self, text: str) -> None:
        """Print what begins now; the bar of the training closes after its last step."""
        if self._bar.finished:
            self._close()
        self._console.print(text, style="dim", soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._console.print(f"warning: {text}", style="yellow", soft_wrap=True)


class SweepProgress(Bar):
    """Prints a line per trial that ends; the bar is over all of them.

    Args:
        console: on stderr.
        total: trials of the sweep.
        counts: of trials by status, as they stand before the start.
    """

    def __init__(self, console: "Console", total: int, counts: Mapping[str, int]) -> None:
        super().__init__(console)
        self._total = total
        self._done = counts.get("finished", 0)

    def __enter__(self) -> Self:
        left = self._total - self._done
        known = f", {self._done} are finished already" if self._done else ""
        self._console.print(f"{self._total} trials{known}; {left} to run", soft_wrap=True)
        self._bar.reset(self._task, total=self._total, completed=self._done, description="trials")
        if left:
            self._bar.start()
        return self

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
        self._bar.update(self._task, completed=self._done)

    def notice(self, text: str) -> None:
        """Print a remark."""
        self._console.print(text, style="dim", soft_wrap=True)
