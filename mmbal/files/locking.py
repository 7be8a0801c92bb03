"""One process at a time in a folder; the kernel frees the lock of a dead one."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmbal.errors import MmbalError


@contextmanager
def locked(
    folder: Path, *, wait: bool, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the lock of a folder.

    Args:
        folder: an existing one.
        wait: for the process that holds the lock, instead of refusing.
        waiting: called before that, if one holds it.

    Raises:
        MmbalError: another process holds it, and `wait` is false; or the folder cannot be
            written.
    """
    try:
        stream = (folder / ".lock").open("w")
    except OSError as problem:
        raise MmbalError(f"cannot write to {folder}: {problem.strerror}") from problem
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            if not wait:
                raise MmbalError(f"{folder}: another process is writing here") from problem
            waiting()
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
