"""A run's folder: where each of its files lies, how far the run is, and who may write."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from mmbal.errors import DataFormatError, MmbalError, attempting
from mmbal.files.text import decode_text
from mmbal.records.assembly import assemble
from mmbal.records.journal import Journal, read_journal, whole_size
from mmbal.records.record import Record
from mmbal.records.record_file import read_record, record_of, write_record
from mmbal.records.schema import Contents

Status = Literal["absent", "foreign", "claimed", "unfinished", "resumable", "finished"]


class RunFolder:
    """A run's folder; this is the only place that knows how its files are called.

    Args:
        path: of the folder, which need not exist.

    Attributes:
        path: of the folder.
        config: the configuration with the origin of each value.
        journal: one line per event, only ever appended to.
        record: what `open` returns, as HDF5.
        weights: those that validation selected.
        last_weights: those that training ended with.
        checkpoints: folder of what an unfinished run goes on from.
        predictions: folder of what the network says of every example, where that is kept.
        sample: folder of the data that `mmbal run --sample` writes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.journal = self.path / "journal.jsonl"
        self.record = self.path / "record.h5"
        self.weights = self.path / "weights.weights.h5"
        self.last_weights = self.path / "last.weights.h5"
        self.checkpoints = self.path / "resume"
        self.predictions = self.path / "predictions"
        self.sample = self.path / "sample"

    def status(self) -> Status:
        """Tell how far the run is.

        Returns:
            - "absent": there is no such folder, or nothing in it;
            - "foreign": it holds other things and no journal;
            - "claimed": by a run that has not begun yet, or was killed before it did;
            - "unfinished": a run without a checkpoint to go on from;
            - "resumable": a run with one; it may be at work just now;
            - "finished": a run that has come to its end.

        Raises:
            DataFormatError: the journal is broken; the message starts with file:line.
            MmbalError: the folder cannot be read.
        """
        if not self.journal.is_file():
            used = self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()))
            return "foreign" if used else "absent"
        if not whole_size(self.journal):
            return "claimed"
        if self.result() is not None:
            return "finished"
        return "resumable" if self.checkpoints.is_dir() else "unfinished"

    def result(self) -> dict[str, Any] | None:
        """Return what a finished run came to, as `mmbal run --json` prints it; else None.

        Raises: as `status`.
        """
        if not self.journal.is_file():
            return None
        ends = [event["result"] for event in read_journal(self.journal) if event["event"] == "end"]
        return dict(ends[-1]) if ends else None

    def open(self, notice: Callable[[str], None] = lambda _: None) -> Record:
        """Return the record of the run, bringing its file up to date first.

        The record is built again from the journal when it is missing, damaged or older, as
        after `kill -9`. Where it cannot be written (a read-only folder), the journal alone serves.

        Args:
            notice: told in one line what was rebuilt and why.

        Raises:
            DataFormatError: the journal is broken, or a record without a journal is.
            MmbalError: there is no run here, or a newer mmbal wrote its record.
        """
        if self.record.is_file() and not self.journal.is_file():
            return read_record(self.record)
        reason = "missing"
        if self.record.is_file():
            try:
                record = read_record(self.record)
                if record.journal_bytes == whole_size(self.journal):
                    return record
                reason = "older than the journal"
            except DataFormatError as error:
                reason = str(error)
        contents = self._assemble()
        try:
            write_record(contents, self.record)
        except MmbalError as error:
            notice(f"reading {self.journal} alone: {error}")
        else:
            notice(f"rebuilt {self.record} from the journal ({reason})")
        return record_of(contents)

    def consolidate(self) -> None:
        """Write the record from journal and configuration.

        Killed at any moment, it leaves the old record or none; the journal is never touched.

        Raises:
            DataFormatError: the journal is broken; the message starts with file:line.
            MmbalError: there is no journal, or a file cannot be read or written.
        """
        write_record(self._assemble(), self.record)

    def _is_foreign(self) -> bool:
        """Tell whether another command began here, such as a sweep, at the same moment."""
        own = (self.journal, self.config, self.sample)
        return any(path not in own for path in self.path.iterdir())

    def _assemble(self) -> Contents:
        if not self.journal.is_file():
            raise MmbalError(
                f"no run in {self.path}: expected {self.journal.name}, which `mmbal run` writes"
            )
        config = ""
        with attempting(f"read {self.config}"), suppress(FileNotFoundError):
            config = decode_text(self.config.read_bytes(), self.config, lenient=True)
        return assemble(self.journal, config)

    @contextmanager
    def claim(self, *, resume: bool = False) -> Iterator[Journal]:
        """Keep all other processes from running here; the kernel drops a dead one's claim.

        Of a run that ends before it has told anything, nothing stays.

        Args:
            resume: go on with the run that is here, if there is one.

        Yields:
            The journal.

        Raises:
            MmbalError: another process runs here, or has; or the folder cannot be written.
        """
        own = (self.journal, self.config)
        made = [path for path in own if not path.exists()]
        new = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        with attempting(f"write into {self.path}"):
            self.path.mkdir(parents=True, exist_ok=True)
        try:
            with closing(Journal(self.journal)) as journal:
                try:
                    if not resume and (journal.size or self._is_foreign()):
                        what = "a run" if journal.size else "other things"
                        raise MmbalError(f"{self.path} holds {what} already; name another folder")
                    yield journal
                finally:
                    if not journal.size:
                        for path in made:
                            path.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # they are not empty
                for folder in new:
                    folder.rmdir()
