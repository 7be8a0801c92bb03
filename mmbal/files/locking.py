"""One process at a time; the kernel frees the lock of a dead one."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import lock_descriptor

from mmbal.errors import MmbalError, attempting
from mmbal.progress import announce


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether no other process holds it."""
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return True  # a file system without locks


def locked(folder: Path, *, wait: bool) -> AbstractContextManager[None]:
    """Hold the lock of a folder, which is made if absent.

    Args:
        folder: that nobody else writes into meanwhile.
        wait: for the process that holds the lock, saying so, instead of refusing.

    Raises:
        MmbalError: another process holds it, and `wait` is false; or the folder cannot be
            written.
    """
    return exclusive(folder / ".lock", f"{folder}: another process is writing here", wait=wait)


@contextmanager
def exclusive(path: Path, refusal: str, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock file, which stays, against other processes, on this machine and others.

    Args:
        path: of the file; its folder is made if absent.
        refusal: the message if another process holds it.
        wait: as of `locked`.

    Raises:
        MmbalError: as of `locked`.
    """
    with attempting(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not try_lock(file):
            if not wait:
                raise MmbalError(refusal)
            announce(f"waiting for another process that is writing to {path.parent}")
            lock_descriptor(file)
        yield
    finally:
        os.close(file)
