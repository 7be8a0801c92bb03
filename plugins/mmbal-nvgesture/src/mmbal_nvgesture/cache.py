"""Decoded and resized clips on disk: one array per sensor and clip, shared by all runs."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmbal.data import announce, locked, over_processes, track
from mmbal.errors import DataFormatError, MmbalError, counted
from mmbal_nvgesture.faults import Fault, Faults
from mmbal_nvgesture.strip import Box, Pixels, Strip

FORMAT = 2
SPARE = 1 << 28  # bytes that are left free on the disk


HINT = (
    "`mmbal data check nvgesture` lists all such clips; with on_bad_example=skip, runs leave out "
    "those that `mmbal data prepare nvgesture` has found"
)


class Filling(NamedTuple):
    """What filling a cache came to: strips decoded now, and those that cannot be."""

    decoded: int
    faults: tuple[Fault, ...]


class Cache:
    """A folder of arrays named after what they hold, each of which appears when it is whole.

    Names do not depend on where the dataset stands, so that it may be moved with its cache.

    Args:
        folder: made when something is written into it.
        root: the dataset's folder.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root

    def path(self, strip: Strip) -> Path:
        """Return where a strip stands, or would stand."""
        media = strip.media
        place = media.path.relative_to(self.root)
        first = None if media.numbering is None else media.numbering.first
        facts = (
            FORMAT, place.as_posix(), media.size, first,
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
        if not _is_there(path):
            try:
                return strip.read(wanted, box)
            except DataFormatError as problem:
                raise DataFormatError(f"{problem}; {HINT}") from problem
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
        """Return the strips that are not there."""
        return [strip for strip in strips if not _is_there(self.path(strip))]

    def known_faults(self, strips: Iterable[Strip]) -> tuple[Fault, ...]:
        """Return the strips that could not be decoded when the cache was filled, and why.

        Those whose files have changed since are not among them.

        Raises:
            DataFormatError: the file of them is damaged.
        """
        faults = Faults(self.folder, self.root)
        return faults.of((self.path(strip).stem, strip) for strip in self.lacking(strips))

    def fill(self, strips: Sequence[Strip], workers: int | None) -> Filling:
        """Decode the strips that are not there, several at a time.

        A process that is killed loses the strips in work only. A cache that lacks nothing is
        only read.

        Raises:
            MmbalError: the disk has too little room, or the folder cannot be written.
        """
        if not self._todo(strips):
            return Filling(0, self.known_faults(strips))
        with self._writing():
            known = self.known_faults(strips)
            todo = self._todo(strips)  # another process may have been at work till now
            new = self._decode(todo, workers) if todo else ()
        return Filling(len(todo) - len(new), known + new)

    def _todo(self, strips: Sequence[Strip]) -> list[Strip]:
        bad = {strip for strip, _ in self.known_faults(strips)}
        return [strip for strip in self.lacking(strips) if strip not in bad]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder, wait=True):
                for partial in self.folder.glob(".*.partial"):  # of a killed run
                    partial.unlink()
                yield
        except OSError as problem:
            raise MmbalError(f"cannot write to {self.folder}: {problem.strerror}") from problem

    def _decode(self, strips: Sequence[Strip], workers: int | None) -> tuple[Fault, ...]:
        self._make_room(strips)
        work = over_processes(store, strips, workers, self)
        told = list(track(work, "decoding", len(strips)))
        Faults(self.folder, self.root).note(
            (self.path(strip).stem, strip, fault) for strip, fault in zip(strips, told, strict=True)
        )
        return tuple((strip, fault) for strip, fault in zip(strips, told, strict=True) if fault)

    def _make_room(self, strips: Sequence[Strip]) -> None:
        needed = sum(int(np.prod(strip.shape)) for strip in strips)
        free = shutil.disk_usage(self.folder).free
        size = f"{_bytes(needed)} in {self.folder}, where {_bytes(free)} are free"
        if needed + SPARE > free:
            raise MmbalError(
                f"decoded clips take {size}; set cache to a folder with more room, or short_side "
                "to fewer pixels"
            )
        announce(f"decoding {counted(len(strips), 'video')} once; they take {size}")


def store(strip: Strip, cache: Cache) -> str | None:
    """Decode one strip into a cache; return in one line why it cannot be, None if it can.

    Raises:
        MmbalError: the array cannot be written.
    """
    path = cache.path(strip)
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


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as problem:
        raise MmbalError(f"cannot read {path}: {problem.strerror}") from problem


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
