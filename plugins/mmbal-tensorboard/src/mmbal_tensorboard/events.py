"""Files of events, of which some are taken back."""

import os
from pathlib import Path

import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

PATTERN = "events.out.tfevents.*"


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
