"""One process at a time; the kernel frees the lock of a dead one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout, lock_descriptor

from mmbal.errors import MmbalError, attempting
from mmbal.progress import announce


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
    with exclusive(folder / ".lock", refusal, -1 if wait else 0):
        yield


@contextmanager
def exclusive(path: Path, refusal: str, patience: float = 0) -> Iterator[None]:
    """Hold a lock file, which stays, against other processes, on this machine and others.

    Args:
        path: of the file; its folder is made if absent.
        refusal: the message if another process holds it.
        patience: seconds to wait for that process, saying so; -1 for ever.

    Raises:
        MmbalError: another process holds it, or the file cannot be written.
    """
    lock = FileLock(path)
    with attempting(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        for timeout in (0, patience):
            try:
                lock.acquire(timeout)
                break
            except Timeout as error:
                if timeout == patience:
                    raise MmbalError(refusal) from error
                announce(f"waiting for another process that is writing to {path.parent}")
    try:
        yield
    finally:
        lock.release()
