"""A run's folder: its record, rebuilt from the journal whenever that knows more."""

import os
from collections.abc import Callable
from pathlib import Path

from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.journal import whole_size
from mmbal.records.reader import read_record
from mmbal.records.record import Record
from mmbal.records.writer import JOURNAL, RECORD, assemble_run, no_run, write_record


def open_run(run: str | os.PathLike[str], notice: Callable[[str], None] = lambda _: None) -> Record:
    """Return the record of a run, bringing `record.h5` up to date first.

    The record is built again from the journal when it is missing, damaged or older, as
    after `kill -9`. Where it cannot be written (a read-only folder), the journal alone serves.

    Args:
        run: a run's folder, or an HDF5 record.
        notice: told in one line what was rebuilt and why.

    Raises:
        DataFormatError: the journal is broken, or a record without a journal is.
        MmbalError: there is no run here, or a newer mmbal wrote its record.
    """
    folder = Path(run)
    if folder.is_file():
        return read_record(folder)
    journal, path = folder / JOURNAL, folder / RECORD
    if not journal.is_file():
        if path.is_file():
            return read_record(path)
        raise no_run(folder)
    reason = "missing"
    if path.is_file():
        try:
            record = read_record(path)
            if record.journal_bytes == whole_size(journal):
                return record
            reason = "older than the journal"
        except DataFormatError as error:
            reason = str(error)
    record = assemble_run(folder)
    try:
        write_record(record, path)
    except MmbalError as error:
        notice(f"reading {journal} alone: {error}")
    else:
        notice(f"rebuilt {path} from the journal ({reason})")
    return record
