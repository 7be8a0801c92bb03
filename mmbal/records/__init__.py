"""Journals and records: written by runs, read without TensorFlow."""

from mmbal.records.frames import history, table
from mmbal.records.journal import read_journal
from mmbal.records.record import Epochs, FinishedRun, History, Record, Steps
from mmbal.records.record_file import read_record
from mmbal.records.run_folder import RunFolder

__all__ = [
    "Epochs",
    "FinishedRun",
    "History",
    "Record",
    "RunFolder",
    "Steps",
    "history",
    "read_journal",
    "read_record",
    "table",
]
