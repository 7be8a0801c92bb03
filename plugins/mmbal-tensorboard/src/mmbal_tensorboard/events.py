"""Files of events: written, and taken back."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

PATTERN = "events.out.tfevents.*"


class Curves:
    """Writes points of curves, those of one kind into a folder of their own.

    Args:
        folder: around those.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def writer(self, kind: str) -> Any:
        """Return what writes into a folder, made when it is first used."""
        if kind not in self._writers:
            self._writers[kind] = tf.summary.create_file_writer(os.fspath(self._folder / kind))
        return self._writers[kind]

    def write(self, kind: str, values: Mapping[str, Any], step: int) -> None:
        """Write a point of each curve; None is undefined."""
        if values:
            with self.writer(kind).as_default():
                for name, value in values.items():
                    tf.summary.scalar(name, math.nan if value is None else value, step=step)

    def flush(self) -> None:
        """Let nothing wait."""
        for writer in self._writers.values():
            writer.flush()


def keep_before(folder: Path, step: int) -> None:
    """Take out of all files of events below a folder what is of a step or later ones.

    Args:
        folder: whose files nobody writes now.
        step: the first that is to be written again; a file of nothing else goes.
    """
    for path in sorted(folder.rglob(PATTERN)):
        written = [*RawEventFileLoader(os.fspath(path)).Load()]  # up to where a kill tore it
        events = [Event.FromString(each) for each in written]
        kept = [each for each, event in zip(written, events, strict=True) if event.step < step]
        if not kept or all(
            event.HasField("file_version") or event.step >= step for event in events
        ):
            path.unlink()
            continue
        beside = path.with_name(f".{path.name}")
        with tf.io.TFRecordWriter(os.fspath(beside)) as writer:
            for each in kept:
                writer.write(each)
        beside.replace(path)
