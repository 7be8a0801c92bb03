"""The journal of a run: one JSON object per line, only ever appended to.

Every line reaches the operating system in one write, so a run that is killed leaves at most
one torn line, the last; it has no newline and both reader and writer leave it out.
"""

import errno
import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mmbal.errors import DataFormatError, MmbalError

# After these events a power failure must not cost what was learnt so far.
DURABLE_EVENTS = frozenset({"start", "epoch", "scores", "stop", "end"})

_TAIL = 1 << 16


class Journal:
    """Append events to a journal, going on after a torn last line when the file exists.

    Args:
        path: the file; its folder must exist.

    Raises:
        MmbalError: the file cannot be written, or another process writes it now.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            self._lock()
            self._cut(whole_size(self.path))
        except BaseException:
            self.close()
            raise

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event.

        Args:
            event: "event" names its kind. Values may be NumPy scalars and arrays; numbers
                that are not finite become null.

        Raises:
            MmbalError: the line could not be written (such as a full disk); the file is as
                it was before.
        """
        text = json.dumps(_plain(event), separators=(",", ":"), allow_nan=False)
        line = text.encode("ascii") + b"\n"
        before = os.fstat(self._file).st_size
        try:
            _write_all(self._file, line)
            if event.get("event") in DURABLE_EVENTS:
                _synchronise(self._file)
        except OSError as error:
            with suppress(OSError):
                self._cut(before)
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lock(self) -> None:
        # The kernel drops the lock with the process, so a killed run can be resumed.
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MmbalError(f"{self.path}: another process is writing this run") from error
        except OSError:
            pass  # a file system without locks

    def _cut(self, size: int) -> None:
        if os.fstat(self._file).st_size > size:
            os.ftruncate(self._file, size)


def read_journal(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal in order, leaving out a torn last line.

    Raises:
        DataFormatError: a whole line is no JSON object with an "event"; the message starts
            with file:line.
        MmbalError: the file cannot be read.
    """
    for _, event in numbered_events(path):
        yield event


def numbered_events(
    path: str | os.PathLike[str], size: int | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, event); see `read_journal`.

    Args:
        path: the journal.
        size: bytes to read at most, the end of a whole line; None for all of them.
    """
    try:
        with Path(path).open("rb") as file:
            read = 0
            for number, line in enumerate(file, start=1):
                read += len(line)
                if not line.endswith(b"\n") or (size is not None and read > size):
                    return
                yield number, _parse(line, f"{path}:{number}")
    except OSError as error:
        raise MmbalError(f"cannot read {path}: {error.strerror}") from error


def whole_size(path: str | os.PathLike[str]) -> int:
    """Return the bytes up to and with the last newline of a file: its length without a tear.

    Raises:
        MmbalError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            while end > 0:
                start = max(0, end - _TAIL)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
            return 0
    except OSError as error:
        raise MmbalError(f"cannot read {path}: {error.strerror}") from error


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        event = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{place}: not a line of JSON ({error})") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise DataFormatError(f'{place}: expected an object with the text "event"')
    return event


def _plain(value: Any) -> Any:
    """Return what JSON can hold; NumPy is told by its `tolist`, so it need not be imported."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _synchronise(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or an odd file system
            raise


def _unwritable(path: Path, error: OSError) -> MmbalError:
    return MmbalError(f"cannot write {path}: {error.strerror}")
