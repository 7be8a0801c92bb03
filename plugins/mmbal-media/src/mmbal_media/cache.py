"""Decoded files on disk: arrays that are whole or absent, and shared by all runs."""

import json
import shutil
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmbal.data import Problem, announce, locked, over_processes, replace_file, track
from mmbal.errors import DataFormatError, MmbalError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

SPARE = 1 << 28  # bytes that are left free on the disk


class Decodable(Protocol):
    """A file, or a part of one, that becomes one array of uint8."""

    @property
    def example(self) -> str:
        """Key of the example that it belongs to."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""

    def name(self, root: Path) -> str:
        """Return a name for a file: another one for other contents, wherever `root` stands."""

    def state(self) -> str:
        """Return what changes when a file that could not be decoded is mended."""

    def read(self) -> "Pixels":
        """Decode it all.

        Raises:
            DataFormatError: it is damaged. The message begins with the file's path; the key of
                the example may follow in parentheses.
        """


class ArrayCache:
    """A folder of arrays, each of which appears when it is whole.

    Args:
        folder: made when something is written into it.
        root: the dataset's folder, which may be moved with its cache.
        noun: what an example is, in the singular.
        smaller: the option that makes arrays smaller.
    """

    def __init__(self, folder: Path, root: Path, noun: str, smaller: str) -> None:
        self.folder = folder
        self._root = root
        self._noun = noun
        self._smaller = smaller

    def path(self, array: Decodable) -> Path:
        """Return where an array stands, or would stand."""
        return self.folder / f"{array.name(self._root)}.npy"

    def load(self, array: Decodable) -> "Pixels | None":
        """Return an array, mapped into memory; None if it is not there.

        Raises:
            DataFormatError: its file is damaged.
        """
        import numpy as np

        if not self.holds(array):
            return None
        path = self.path(array)
        try:
            stored: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as problem:
            raise DataFormatError(f"{path}: damaged ({problem}); remove it") from problem
        if stored.shape != array.shape or stored.dtype != np.uint8:
            raise DataFormatError(f"{path}: damaged (holds {stored.shape}); remove it")
        return stored

    def read(self, array: Decodable) -> "Pixels":
        """Return an array from here or, where it is not, from its file."""
        stored = self.load(array)
        return array.read() if stored is None else stored

    def holds(self, array: Decodable) -> bool:
        """Return whether an array is there."""
        path = self.path(array)
        try:
            return path.is_file()
        except OSError as problem:
            raise MmbalError(f"cannot read {path}: {problem.strerror}") from problem

    def problems(self, arrays: Iterable[Decodable]) -> list[Problem]:
        """Return what could not be decoded when the cache was filled and has not changed since.

        Raises:
            DataFormatError: the file that tells it is damaged.
        """
        return [
            Problem(f"{fault} ({array.example})", (array.example,))
            for array, fault in self._lacking(arrays)
            if fault is not None
        ]

    def fill(self, arrays: Sequence[Decodable], workers: int | None) -> int:
        """Decode what is not there, several at a time; return how many arrays are new.

        A process that is killed loses the arrays in work only. A cache that lacks nothing is
        only read. What cannot be decoded is kept for `problems`.

        Raises:
            MmbalError: the disk has too little room, or the folder cannot be written.
        """
        if not self._undecided(arrays):
            return 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with locked(self.folder, wait=True):
                for partial in self.folder.glob(".*.partial"):  # of a killed run
                    partial.unlink()
                # Another process may have been at work till now.
                return self._decode(self._undecided(arrays), workers)
        except OSError as problem:
            raise MmbalError(f"cannot write to {self.folder}: {problem.strerror}") from problem

    def _decode(self, arrays: Sequence[Decodable], workers: int | None) -> int:
        if not arrays:
            return 0
        needed = sum(prod(array.shape) for array in arrays)
        free = shutil.disk_usage(self.folder).free
        size = f"{_bytes(needed)} in {self.folder}, where {_bytes(free)} are free"
        if needed + SPARE > free:
            raise MmbalError(
                f"decoded {self._noun}s take {size}; set cache to a folder with more room, or "
                f"{self._smaller} to fewer pixels"
            )
        announce(f"decoding {self._noun}s once; they take {size}")
        work = over_processes(store, arrays, workers, self)
        faults = list(track(work, "decoding", len(arrays)))
        self._keep(zip(arrays, faults, strict=True))
        return faults.count(None)

    def _undecided(self, arrays: Iterable[Decodable]) -> list[Decodable]:
        return [array for array, fault in self._lacking(arrays) if fault is None]

    def _lacking(self, arrays: Iterable[Decodable]) -> Iterable[tuple[Decodable, str | None]]:
        """Yield what is not there, and why it cannot be decoded if that is known."""
        known = self._faults()
        for array in arrays:
            if not self.holds(array):
                entry = known.get(self.path(array).stem)
                yield array, entry["fault"] if entry and entry["state"] == array.state() else None

    def _faults(self) -> dict[str, dict[str, str]]:
        path = self.folder / "bad.json"
        try:
            return {
                name: {key: str(entry[key]) for key in ("fault", "state")}
                for name, entry in json.loads(path.read_bytes()).items()
            }
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
            raise DataFormatError(f"{path}: damaged; remove it") from problem

    def _keep(self, faults: Iterable[tuple[Decodable, str | None]]) -> None:
        """Write down what cannot be decoded, as it is told wherever the dataset stands."""
        before = self._faults()
        table = dict(before)
        for array, fault in faults:
            name = self.path(array).stem
            table.pop(name, None)
            if fault is not None:
                text = fault.removeprefix(f"{self._root}/").removesuffix(f" ({array.example})")
                table[name] = {"fault": text, "state": array.state()}
        if table != before:
            replace_file(self.folder / "bad.json", json.dumps(table, indent=1).encode())


def store(array: Decodable, cache: ArrayCache) -> str | None:
    """Decode an array into a cache; return in one line why it cannot be, None if it can.

    Raises:
        MmbalError: the file cannot be written.
    """
    import numpy as np

    path = cache.path(array)
    partial = path.with_name(f".{path.name}.partial")
    try:
        pixels = array.read()
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
