"""How long trials take, by the steps that those which run have taken."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import mean

from mmbal.errors import MmbalError, counted

SECONDS, STEPS = 5, 20
"""That are timed at least, in the trials that run."""


class Forecast:
    """Looks at trials from outside: what their journals tell of, and when.

    Args:
        trials: folders of those that are to be made.
        clock: tells seconds.
    """

    def __init__(self, trials: Sequence[Path], clock: Callable[[], float] = time.monotonic) -> None:
        self._trials, self._clock = trials, clock
        self._begun: dict[Path, tuple[float, int]] = {}

    def look(self) -> str | None:
        """Return the expected time in words; None as long as too few steps are timed."""
        now, known = self._clock(), dict(filter(None, map(_progress, self._trials)))
        for trial, (taken, _) in known.items():
            self._begun.setdefault(trial, (now, taken))
        steps = sum(known[trial][0] - taken for trial, (_, taken) in self._begun.items())
        passed = now - min((begun for begun, _ in self._begun.values()), default=now)
        if steps < STEPS or passed < SECONDS:
            return None
        left = sum(total - taken for taken, total in known.values())
        waiting = len(self._trials) - len(known)
        seconds = (left + waiting * mean(total for _, total in known.values())) * passed / steps
        return (
            f"expected time: about {seconds / 60:.0f} minutes of training, by {steps} steps of "
            f"{counted(len(known), 'run')} in {passed:.0f} seconds"
        )


def _progress(trial: Path) -> tuple[Path, tuple[int, int]] | None:
    """Return a trial, and its steps: those taken, and all; None before the first one."""
    from mmbal.records.journal import read_journal  # loads what `--help` need not
    from mmbal.records.run_folder import RunFolder

    taken = total = 0
    with suppress(MmbalError):
        for event in read_journal(RunFolder(trial).journal):
            if event["event"] == "start":
                total = event["epochs"] * (event.get("steps_per_epoch") or 0)
            elif event["event"] == "steps":
                taken = event["first"] + len(event["loss"])
    return (trial, (taken, total)) if taken and total else None
