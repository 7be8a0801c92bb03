"""Processes that are watched: none outlives its time, or the one that wants its result.

Devices must be set before TensorFlow starts, and a TensorFlow that cannot start must not take
the doctor along; so whatever touches it runs in a process of its own.
"""

import signal
import subprocess
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

PAUSE = 0.05
"""Seconds between two looks at the processes."""
_LINES, _LETTERS = 3, 300
_FRAMES = ("Traceback (most recent", "During handling of the above", "The above exception was")


@dataclass(frozen=True)
class Command:
    """What to run, and in which environment."""

    words: Sequence[str]
    environment: Mapping[str, str]


class Team:
    """Processes that need each other: when one fails, the others are ended.

    Args:
        name: for messages.
        commands: called at the start; one per process.
        folder: an absent one, made for their output and as their working directory.
        seconds: after which all are ended.

    Attributes:
        failure: how the first one failed, in one line; "" where none did.
        took: seconds from start to end.
    """

    def __init__(
        self, name: str, commands: Callable[[], Sequence[Command]], folder: Path, seconds: float
    ) -> None:
        self.name = name
        self.folder = folder
        self.failure = ""
        self.took = 0.0
        self._commands = commands
        self._seconds = seconds
        self._started = 0.0
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start all processes."""
        self.folder.mkdir()
        self._started = time.monotonic()
        for number, command in enumerate(self._commands()):
            with ExitStack() as files:
                # Into files: a pipe that nobody empties would stop its process.
                out, err = (
                    files.enter_context(self._path(number, end).open("wb"))
                    for end in ("out", "err")
                )
                process = subprocess.Popen(
                    command.words,
                    env=command.environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            self._processes.append(process)

    def has_ended(self) -> bool:
        """Look at the processes; return whether all are done, or one failed and all are ended."""
        self.took = time.monotonic() - self._started
        codes = [process.poll() for process in self._processes]
        failures = [(number, code) for number, code in enumerate(codes) if code]
        if failures:
            self.failure = self._how_it_ended(*failures[0])
        elif self.took > self._seconds:
            self.failure = f"did not end within {self._seconds:g} seconds"
        elif None in codes:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """End what still runs, and wait until it has ended."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def output(self) -> str:
        """Return what the first process wrote to stdout."""
        return self._path(0, "out").read_text(encoding="utf-8", errors="replace")

    def _path(self, number: int, end: str) -> Path:
        return self.folder / f"{number}.{end}"

    def _how_it_ended(self, number: int, code: int) -> str:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = self._path(number, "err").read_text(encoding="utf-8", errors="replace")
        words = last_words(said)
        return f"{how}: {words}" if words else how


def run_all(teams: Iterable[Team], at_once: int, ended: Callable[[Team], None]) -> None:
    """Run teams, so many at a time; whatever happens here, none of them is left running.

    Args:
        teams: not started.
        at_once: how many may run at a time.
        ended: told of every team that is done or has failed.
    """
    waiting, running = deque(teams), list[Team]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(waiting.popleft())
                running[-1].start()
            for team in [team for team in running if team.has_ended()]:
                running.remove(team)
                ended(team)
            time.sleep(PAUSE)
    finally:
        for team in running:
            team.stop()


def last_words(said: str) -> str:
    """Return the last lines of a process that are no traceback, as one line."""
    lines = [line for line in said.splitlines() if line.strip() and not line[0].isspace()]
    lines = [line for line in lines if not line.startswith(_FRAMES)]
    return textwrap.shorten(" / ".join(lines[-_LINES:]), _LETTERS, placeholder=" ...")
