"""Errors a user can act on. Everything else is a bug and keeps its traceback."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


class MmbalError(Exception):
    """A mistake in what mmbal was given: printed as one line, exit code 2."""


class ConfigError(MmbalError):
    """A configuration key or value that is not legal; the message says where it stands."""


class ShapeError(ConfigError):
    """An architecture that cannot take examples of such shapes; what can is added for users."""


class DataFormatError(MmbalError, ValueError):
    """A data file that does not hold what its format promises; the message names the file."""


class NotBegunError(DataFormatError):
    """A run that ended before its training began: there is nothing to read."""


class RequirementError(MmbalError, ValueError):
    """A strategy that needs what the network or the run does not offer."""


class ContractError(MmbalError, ValueError):
    """A component that does not keep what its contract promises; the message says what."""


class PluginError(MmbalError):
    """A plugin that cannot be used.

    Args:
        plugin: name of the entry point.
        distribution: the installed distribution it came from, with its version.
        problem: what is wrong with it, in one line.
    """

    def __init__(self, plugin: str, distribution: str, problem: str) -> None:
        super().__init__(f"plugin {plugin!r} of {distribution}: {problem}")
        self.plugin = plugin
        self.distribution = distribution
        self.problem = problem


class Interrupted(MmbalError):  # noqa: N818  (the user asked for it)
    """A run that was stopped by Ctrl-C after its record was made readable.

    Args:
        run: the folder of the record.
        message: how far it came, in one line.
        resumable: whether there is a checkpoint to go on from.
    """

    def __init__(self, run: Path, message: str, *, resumable: bool = False) -> None:
        super().__init__(message)
        self.run = run
        self.resumable = resumable


class Preempted(Interrupted):
    """A run that was told to end (SIGTERM), after a checkpoint."""


def unknown(what: str, received: str, legal: Iterable[str]) -> str:
    """Say that `received` is no legal `what`, with the nearest legal name and the whole list."""
    names = sorted(legal)
    near = get_close_matches(received, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    listing = ", ".join(names) if names else "none"
    return f"unknown {what} {received!r}{hint} (legal: {listing})"


def counted(count: int, noun: str) -> str:
    """Return a number of things: "1 epoch", "1,200 epochs"."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def first_line(error: BaseException, *, typed: bool = True) -> str:
    """Return an exception as one line: its type and the first line of what it says.

    Args:
        error: that was raised.
        typed: whether the type is named where the exception says anything.
    """
    lines, kind = str(error).strip().splitlines(), type(error).__name__
    if not lines:
        return kind
    return f"{kind}: {lines[0]}" if typed else lines[0]


@contextmanager
def attempting(deed: str) -> Iterator[None]:
    """Tell what the operating system refuses in one line.

    Args:
        deed: such as "write FILE", for "cannot write FILE: No space left on device".

    Raises:
        MmbalError: an `OSError` was raised within.
    """
    try:
        yield
    except OSError as error:
        # Libraries such as HDF5 put a text of their own in place of the system's.
        reason = os.strerror(error.errno) if error.errno else error
        raise MmbalError(f"cannot {deed}: {reason}") from error
