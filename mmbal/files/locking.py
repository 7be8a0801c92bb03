"""One process at a time; the kernel frees the lock of a dead one."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor

from mmbal.errors import MmbalError, attempting
from mmbal.progress import announce

_PAUSE = 0.05
"""Seconds between two attempts."""


def try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether no other process holds it."""
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return True  # a file system without locks


@contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock of a folder, which is made if absent.

    Args:
        folder: that nobody else writes into meanwhile.
        wait: for the process that holds the lock, saying so, instead of refusing.

    Raises:
        MmbalError: another process holds it, and `wait` is false; or the folder cannot be
            written.
    """
    refusal = f"{folder}: another process is writing here"
    with exclusive(folder / ".lock", refusal, math.inf if wait else 0):
        yield


@contextmanager
def exclusive(path: Path, refusal: str, patience: float = 0) -> Iterator[None]:
    """Hold a lock file, which stays, against other processes, on this machine and others.

    Args:
        path: of the file; its folder is made if absent.
        refusal: the message if another process holds it.
        patience: seconds to wait for that process, saying so.

    Raises:
        MmbalError: another process holds it, or the file cannot be written.
    """
    with attempting(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        end = time.monotonic() + patience
        if patience and not try_lock(file):
            announce(f"waiting for another process that is writing to {path.parent}")
        while not try_lock(file):
            if time.monotonic() >= end:
                raise MmbalError(refusal)
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(file)
