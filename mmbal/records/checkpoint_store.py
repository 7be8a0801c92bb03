"""The checkpoints of a run from which it goes on exactly: the newest few that are intact."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmbal.errors import DataFormatError, MmbalError, attempting
from mmbal.files.atomic import replace_file
from mmbal.records.checkpoint import SUFFIX, Checkpoint, file_image, file_name, read_checkpoint

__all__ = ["Checkpoint", "Generations"]

KEPT = 2
_NAME = re.compile(rf"([0-9]{{8,}}){re.escape(SUFFIX)}")


class Generations:
    """The newest checkpoints of a run in a folder of their own, which one process writes.

    For a moment within `save` there is one file more than are kept; plan the disk for it.

    Args:
        folder: made by the first `save`; nothing else should live in it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._intact: set[Path] = set()  # what was written or read here

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, replacing one of the same step, and return its path.

        Older ones go only when the new one is safe on the disk; those that `newest` did not
        find intact go first. In memory it takes one copy of the arrays.

        Raises:
            MmbalError: the file cannot be written (such as a full disk); the older ones are
                untouched.
            TypeError: an array of a type that is not in `DTYPES`, or facts that JSON cannot hold.
            ValueError: a negative step, or a name that is no text.
        """
        image = file_image(checkpoint)
        path = self.folder / file_name(checkpoint.step)
        with attempting(f"write {path}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            for partial in self.folder.glob(".*.partial"):  # of a killed process
                partial.unlink()
        replace_file(path, image)
        self._intact.add(path)
        intact = [path for path in self._paths() if path in self._intact]
        for old in {*self._paths()} - {path, *intact[:KEPT]}:
            with suppress(OSError):  # the new one is safe; the next save tries again
                old.unlink()
        return path

    def newest(self, notice: Callable[[str], None] = lambda _: None) -> Checkpoint | None:
        """Return the newest intact checkpoint, or None when there is none at all.

        Args:
            notice: told in one line of each damaged newer file, what is wrong with it and
                which file is used instead.

        Returns:
            The checkpoint; its arrays are new, writable and in C order.

        Raises:
            DataFormatError: there are checkpoints, but all are damaged; the message lists them.
            MmbalError: the folder cannot be read, or a newer or older mmbal wrote what it holds.
        """
        damaged: dict[Path, str] = {}
        for path in self._paths():
            try:
                checkpoint = read_checkpoint(path)
            except DataFormatError as error:
                damaged[path] = str(error)
                self._intact.discard(path)
                continue
            self._intact.add(path)
            for other, problem in damaged.items():
                notice(f"{other}: damaged checkpoint ({problem}); using {path.name} instead")
            return checkpoint
        if damaged:
            listing = ", ".join(f"{path.name} ({problem})" for path, problem in damaged.items())
            raise DataFormatError(f"no intact checkpoint in {self.folder}: {listing}")
        if (old := next(self.folder.glob("*.h5"), None)) is not None:
            raise MmbalError(
                f"{old} is of an older mmbal and cannot be read: go on with that version, or "
                f"remove {self.folder} to begin the run again"
            )
        return None

    def clear(self) -> None:
        """Remove all checkpoints, and the folder when it is empty then: the run has ended.

        Raises:
            MmbalError: a file cannot be removed.
        """
        with attempting(f"clean {self.folder}"):
            for path in (*self._paths(), *self.folder.glob(".*.partial")):
                path.unlink(missing_ok=True)
        self._intact.clear()
        with suppress(OSError):
            self.folder.rmdir()

    def _paths(self) -> list[Path]:
        """Return the files of all checkpoints, newest first."""
        names: list[str] = []
        with attempting(f"read {self.folder}"), suppress(FileNotFoundError):
            names = os.listdir(self.folder)  # noqa: PTH208 - names alone are asked for
        steps = sorted((int(name[1]) for name in map(_NAME.fullmatch, names) if name), reverse=True)
        return [path for step in steps if (path := self.folder / file_name(step)).is_file()]
