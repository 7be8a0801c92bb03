"""Decoded and resized clips on disk: one array per sensor and clip, shared by all runs."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mmbal.errors import DataFormatError, MmbalError
from mmbal.locking import locked
from mmbal.progress import announce, track
from mmbal.workers import over_processes
from mmbal_nvgesture.strip import Box, Pixels, Strip

FORMAT = 1
SPARE = 1 << 28  # bytes that are left free on the disk


class Cache:
    """A folder of arrays named after what they hold, each of which appears when it is whole.

    Args:
        folder: made when something is written into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, strip: Strip) -> Path:
        """Return where a strip stands, or would stand."""
        media = strip.media
        status = media.path.stat()
        facts = (
            FORMAT, os.fspath(media.path.resolve()), media.size, status.st_mtime_ns,
            strip.start, strip.end, strip.shape, strip.pad, strip.conceal,
        )  # fmt: skip
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        clip = media.path.parent
        return self.folder / f"{clip.parent.name}-{clip.name}-{media.path.stem}-{key}.npy"

    def read(self, strip: Strip, wanted: Sequence[int], box: Box | None = None) -> Pixels:
        """Return what `Strip.read` does, from the cache where it is there.

        Raises:
            DataFormatError: as `Strip.read`, or the cached array is damaged.
        """
        path = self.path(strip)
        if not path.is_file():
            return strip.read(wanted, box)
        try:
            stored = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as problem:
            raise DataFormatError(f"{path}: damaged ({problem}); remove it") from problem
        if stored.shape != strip.shape or stored.dtype != np.uint8:
            raise DataFormatError(f"{path}: damaged (holds {stored.shape}); remove it")
        whole = stored if box is None else box.cut(stored)
        chosen: Pixels = np.asarray(whole[list(wanted)])
        return chosen

    def lacking(self, strips: Iterable[Strip]) -> list[Strip]:
        """Return the strips that are not there yet."""
        return [strip for strip in strips if not self.path(strip).is_file()]

    def fill(self, strips: Sequence[Strip], workers: int | None) -> list[tuple[Strip, str]]:
        """Decode the strips that are not there, several at a time; return those that cannot be.

        A process that is killed loses the strips in work only.

        Raises:
            MmbalError: the disk has too little room, or the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise MmbalError(f"cannot write to {self.folder}: {problem.strerror}") from problem
        with locked(self.folder, wait=True):
            for partial in self.folder.glob(".*.partial"):  # of a killed run
                partial.unlink()
            todo = self.lacking(strips)
            if not todo:
                return []
            self._make_room(todo)
            work = over_processes(store, todo, workers, self.folder)
            told = track(work, "decoding", len(todo))
            return [(strip, fault) for strip, fault in zip(todo, told, strict=True) if fault]

    def _make_room(self, strips: Sequence[Strip]) -> None:
        needed = sum(int(np.prod(strip.shape)) for strip in strips)
        free = shutil.disk_usage(self.folder).free
        size = f"{_bytes(needed)} in {self.folder}, where {_bytes(free)} are free"
        if needed + SPARE > free:
            raise MmbalError(
                f"decoded clips take {size}; set cache to a folder with more room, or short_side "
                "to fewer pixels"
            )
        announce(f"decoding {len(strips):,} videos once; they take {size}")


def store(strip: Strip, folder: Path) -> str | None:
    """Decode one strip into a cache; return in one line why it cannot be, None if it can.

    Raises:
        MmbalError: the array cannot be written.
    """
    path = Cache(folder).path(strip)
    partial = path.with_name(f".{path.name}.partial")
    try:
        pixels = strip.read()
        with partial.open("wb") as stream:
            np.save(stream, pixels)
        partial.replace(path)
    except DataFormatError as problem:
        return str(problem)
    except OSError as problem:
        raise MmbalError(f"cannot write {path}: {problem.strerror}") from problem
    finally:
        partial.unlink(missing_ok=True)
    return None


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
