"""Errors a user can act on. Everything else is a bug and keeps its traceback."""

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

_ENVIRONMENTAL = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE,
}  # fmt: skip


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
    """A run that was told to end (SIGTERM, SIGHUP), after a checkpoint."""


def refuse_unknown(
    what: str, received: Iterable[str], legal: Collection[str] | None, where: str
) -> None:
    """Refuse names that are not legal.

    Args:
        what: is named, such as "modality".
        received: what was named.
        legal: what there is; None where that is not known yet.
        where: it was named, such as "architecture.branches".

    Raises:
        ConfigError: one is not legal.
    """
    for name in received:
        if legal is not None and name not in legal:
            raise ConfigError(f"{where}: {unknown(what, name, legal)}")


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
        raise MmbalError(f"cannot {deed}: {_reason(error)}") from error


def refused(error: OSError) -> str:
    """Return what the operating system refused in one line: the path, where it tells one, and why.

    Args:
        error: as raised by Python, or by a library such as HDF5.
    """
    if error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {_reason(error)}"
    if isinstance(error, FileNotFoundError) and error.strerror == os.strerror(errno.ENOENT):
        return "the working directory is not there any more"  # all else is told with its path
    return _reason(error)


def is_environmental(error: BaseException) -> bool:
    """Return whether no program is to blame: a full or broken disk, no temporary folder.

    Args:
        error: of any kind; what caused it counts, too.
    """
    if isinstance(error.__cause__, OSError):
        error = error.__cause__
    if not isinstance(error, OSError):
        return False
    return error.errno in _ENVIRONMENTAL or (error.errno == errno.ENOENT and not error.filename)


def no_file(path: str | bytes | os.PathLike[str]) -> str:
    """Say of a folder that it is no file, and what lies in it.

    Raises:
        OSError: it cannot be read.
    """
    entries = sorted(os.fsdecode(name) for name in os.listdir(path))  # noqa: PTH208
    names = [name for name in entries if not name.startswith(".")]
    listing = ", ".join(names[:8]) + (", ..." if names[8:] else "")
    return f"it is a folder, not a file; it holds {listing or 'nothing'}"


def _reason(error: OSError) -> str:
    if isinstance(error.filename, str | bytes):
        with suppress(OSError):
            if isinstance(error, IsADirectoryError):
                return no_file(error.filename)
            path = Path(os.fsdecode(error.filename))
            target = path.readlink()
            if not path.exists() and error.errno != errno.ELOOP:
                return f"it is a link to {target}, which is not there"
    # HDF5 puts a text of many lines, with the system's number, in place of the system's text.
    if error.errno and "rrno" in str(error.strerror):
        return os.strerror(error.errno)
    return error.strerror or first_line(error, typed=False)
