"""Journals and records: written by runs, read without TensorFlow."""

from mmbal.records.journal import read_journal
from mmbal.records.reader import read_record
from mmbal.records.record import Epochs, History, Record, Steps
from mmbal.records.run_folder import open_run

__all__ = ["Epochs", "History", "Record", "Steps", "open_run", "read_journal", "read_record"]
