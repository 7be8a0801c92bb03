"""The checkpoints of a run from which it goes on exactly: the newest few that are intact."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mmbal.errors import DataFormatError, MmbalError
from mmbal.files.atomic import remove_partials, replace_file
from mmbal.records.checkpoint import Checkpoint, file_image, file_name, read_checkpoint, verify

__all__ = ["Checkpoint", "Generations"]

_NAME = re.compile(r"([0-9]{8,})\.h5")


class Generations:
    """The newest checkpoints of a run in a folder of their own.

    For a moment within `save` there is one file more than are kept; plan the disk for it.

    Args:
        folder: made by the first `save`; nothing else should live in it.
        keep: intact checkpoints to keep, 1 or more.
    """

    def __init__(self, folder: str | os.PathLike[str], keep: int = 2) -> None:
        if keep < 1:
            raise ValueError(f"keep must be 1 or more, received {keep}")
        self.folder = Path(folder)
        self.keep = keep
        self._intact: set[Path] = set()  # written or read by this object: no need to read again

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, replacing one of the same step, and return its path.

        Older generations go only when the new one is safe on the disk, and damaged ones do
        not count as kept. In memory it takes one copy of the arrays.

        Raises:
            MmbalError: the file cannot be written (such as a full disk); the older
                generations are untouched.
            TypeError: an array of objects or records, or facts that JSON cannot hold.
            ValueError: a negative step, or a name that no array can have.
        """
        image = file_image(checkpoint)
        path = self.folder / file_name(checkpoint.step)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MmbalError(f"cannot write {path}: {error.strerror}") from error
        remove_partials(self.folder)  # first: they may hold the space that this one needs
        with image.getbuffer() as data:
            replace_file(path, data)
        self._intact.add(path)
        self._drop_old(path)
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
            MmbalError: the folder cannot be read, or a newer mmbal wrote the checkpoint.
        """
        damaged: dict[Path, str] = {}
        for path in self._paths():
            try:
                checkpoint = read_checkpoint(path)
            except FileNotFoundError:
                return self.newest(notice)  # another process has saved since: look again
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
        return None

    def clear(self) -> None:
        """Remove all checkpoints, and the folder when it is empty then: the run has ended.

        Raises:
            MmbalError: a file cannot be removed.
        """
        if not self.folder.is_dir():
            return
        try:
            for path in reversed(self._paths()):  # cut short, it leaves the newest
                path.unlink(missing_ok=True)
        except OSError as error:
            raise MmbalError(f"cannot clean {self.folder}: {error.strerror}") from error
        self._intact.clear()
        remove_partials(self.folder)
        with suppress(OSError):
            self.folder.rmdir()

    def _paths(self) -> list[Path]:
        """Return the files of all generations, newest first."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - names alone are asked for
        except FileNotFoundError:
            return []
        except OSError as error:
            raise MmbalError(f"cannot read {self.folder}: {error.strerror}") from error
        found = [match for match in map(_NAME.fullmatch, names) if match]
        steps = sorted({int(match[1]) for match in found}, reverse=True)
        paths = [self.folder / file_name(step) for step in steps]
        return [path for path in paths if path.is_file()]

    def _drop_old(self, saved: Path) -> None:
        kept = 0
        for path in self._paths():
            if kept < self.keep and self._is_intact(path):
                kept += 1
            elif path != saved:
                with suppress(OSError):  # the new one is safe; the next save tries again
                    path.unlink()
                self._intact.discard(path)

    def _is_intact(self, path: Path) -> bool:
        if path not in self._intact:
            try:
                with path.open("rb") as file:
                    verify(file)
            except (OSError, DataFormatError):
                return False
            self._intact.add(path)
        return True
