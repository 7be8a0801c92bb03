"""The journal of a run: one JSON object per line, only ever appended to.

Every line reaches the operating system in one write, so a run that is killed leaves at most
one torn line, the last; it has no newline and both reader and writer leave it out.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmbal.errors import DataFormatError, MmbalError, attempting
from mmbal.files.locking import try_lock
from mmbal.files.plain_json import to_json

# After these events a power failure must not cost what was learnt so far.
DURABLE_EVENTS = frozenset({"start", "epoch", "scores", "table", "stop", "end"})


class Journal:
    """Append events to a journal, going on after a torn last line when the file exists.

    Args:
        path: the file; its folder must exist.

    Raises:
        MmbalError: the file cannot be written, or another process writes it now.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with attempting(f"write {self.path}"):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._refuse_another_writer()
            # Kept until something is written: a run that is refused changes nothing.
            self._untorn: int | None = whole_size(self.path)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Return the bytes written so far, also by the processes before."""
        return os.fstat(self._file).st_size if self._untorn is None else self._untorn

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event.

        Args:
            event: "event" names its kind. Values may be NumPy scalars and arrays; numbers
                that are not finite become null.

        Raises:
            MmbalError: the line could not be written (such as a full disk); the file is as
                it was before.
        """
        line = to_json(event, separators=(",", ":")).encode("ascii") + b"\n"
        with attempting(f"write {self.path}"):
            if self._untorn is not None:
                os.ftruncate(self._file, self._untorn)
                self._untorn = None
            before = self.size
            try:
                while line:
                    line = line[os.write(self._file, line) :]
                if event.get("event") in DURABLE_EVENTS:
                    os.fsync(self._file)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._file, before)
                raise

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _refuse_another_writer(self) -> None:
        # A file without a name was that of a process which has just removed it.
        if not try_lock(self._file) or not os.fstat(self._file).st_nlink:
            raise MmbalError(f"{self.path}: another process is writing this run")


def read_journal(
    path: str | os.PathLike[str], without: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal in order, leaving out a torn last line.

    Args:
        path: the file.
        without: kinds of events that may be passed over unread.

    Raises:
        DataFormatError: a whole line is no JSON object with an "event"; the message starts
            with file:line.
        MmbalError: the file cannot be read.
    """
    for _, _, event in numbered_events(path, without):
        yield event


def numbered_events(
    path: str | os.PathLike[str], without: Collection[str] = ()
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield (line number from 1, bytes up to its end, event); see `read_journal`."""
    size, passed = 0, tuple(f'{{"event":"{kind}",'.encode() for kind in without)
    with attempting(f"read {path}"), Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            size += len(line)
            if line.startswith(passed) and line.endswith(b"}\n"):
                continue
            yield number, size, _parse(line, f"{path}:{number}")


def whole_size(path: str | os.PathLike[str]) -> int:
    """Return the bytes up to and with the last newline of a file: its length without a tear.

    Raises:
        MmbalError: the file cannot be read.
    """
    with attempting(f"read {path}"):
        return Path(path).read_bytes().rfind(b"\n") + 1


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        event = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{place}: not a line of JSON ({error})") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise DataFormatError(f'{place}: expected an object with the text "event"')
    return event
