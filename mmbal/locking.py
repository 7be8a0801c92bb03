"""One process at a time in a folder; the kernel frees the lock of a dead one."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmbal.errors import MmbalError


@contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a folder.

    Args:
        folder: an existing one.
        wait: for the process that holds the lock, instead of refusing.

    Raises:
        MmbalError: another process holds it, and `wait` is false.
    """
    with (folder / ".lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as problem:
            raise MmbalError(f"{folder}: another process is writing here") from problem
        yield
