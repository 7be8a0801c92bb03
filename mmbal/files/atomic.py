"""Files that are either wholly there or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmbal.errors import MmbalError


def replace_file(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    A process killed meanwhile leaves the old file and a hidden `.NAME.partial`, which the
    next call removes.

    Args:
        path: the file; its folder must exist.
        data: all of its bytes; a large buffer is written as it lies, without a copy.

    Raises:
        MmbalError: the file cannot be written; the old one is untouched.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with _locked(path.parent) as folder:
            try:
                _write_new(partial, data)
                partial.replace(path)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                raise
            with suppress(OSError):  # not every file system can synchronise a folder
                os.fsync(folder)
    except OSError as error:
        raise MmbalError(f"cannot write {path}: {error.strerror}") from error


def remove_partials(folder: Path) -> None:
    """Remove what killed writers left in a folder, waiting for a living one to finish.

    Raises:
        MmbalError: the folder cannot be read, or something in it cannot be removed.
    """
    try:
        with _locked(folder):
            for partial in folder.glob(".*.partial"):
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise MmbalError(f"cannot clean {folder}: {error.strerror}") from error


def _write_new(path: Path, data: bytes | memoryview) -> None:
    # Removed first and created exclusively: a link planted under this name is not followed.
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(file, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(file)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Keep two processes from sharing one temporary name; the kernel frees a dead one's lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
