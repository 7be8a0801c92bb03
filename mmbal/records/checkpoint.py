"""The checkpoints of a run from which it goes on exactly: the newest few that are intact.

Each is a `.safetensors` file, which holds no code by design and which any tool for such files
opens. The metadata of its header have one entry, `mmbal-checkpoint`: the SHA-256 of everything
else in hexadecimal digits, a space, and a JSON object with

- `version` (of this schema; a newer one is refused) and `mmbal` (the version that wrote it);
- `step`: training steps done;
- `facts`: what else there is to tell.

The digest is that of this JSON text, then, in the order of their names, of each array's name,
type and shape as a JSON list, and of its values; it is the same in every version of the schema.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mmbal.errors import DataFormatError, MmbalError, attempting, first_line
from mmbal.files.atomic import replace_file
from mmbal.version import __version__

FORMAT = "mmbal-checkpoint"
VERSION = 3  # 1 was HDF5; 2 kept the place of a training in other facts
SUFFIX = ".safetensors"
KEPT = 2

DTYPES = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64",
})  # fmt: skip

DAMAGE = (OSError, SafetensorError, LookupError, ValueError, TypeError, AttributeError)
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    Args:
        step: training steps done, 0 or more.
        arrays: by name, of any shape (also () and empty ones) and of a type in `DTYPES`; they
            come back bit by bit.
        facts: what JSON can hold. Text, integers of any size and floats (also NaN and the
            infinities) come back exactly; tuples come back as lists, keys as text.
    """

    step: int
    arrays: Arrays = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


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
        image = _image(checkpoint)
        path = self.folder / _file_name(checkpoint.step)
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
            MmbalError: the folder cannot be read, or a newer mmbal wrote what it holds.
        """
        damaged: dict[Path, str] = {}
        for path in self._paths():
            try:
                checkpoint = read_checkpoint(path)
            except DAMAGE as error:
                damaged[path] = first_line(error, typed=False)
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
            raise _outdated(old)
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
        files: list[Path] = []
        with attempting(f"read {self.folder}"), suppress(FileNotFoundError):
            files = [path for path in self.folder.iterdir() if path.is_file()]
        steps = {int(path.stem) for path in files if path.stem.isdecimal()}
        paths = [self.folder / _file_name(step) for step in sorted(steps, reverse=True)]
        return [path for path in paths if path in files]


def _image(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a whole file."""
    if checkpoint.step < 0:
        raise ValueError(f"step must be 0 or more, received {checkpoint.step}")
    # safetensors takes the memory as it lies, so values must lie one behind the other.
    arrays = {name: np.asarray(array, order="C") for name, array in checkpoint.arrays.items()}
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES or not array.dtype.isnative:
            raise TypeError(f"array {name!r}: a checkpoint cannot hold {array.dtype}")
    text = json.dumps({
        "version": VERSION,
        "mmbal": __version__,
        "step": int(checkpoint.step),
        "facts": dict(checkpoint.facts),
    })  # fmt: skip
    return save(arrays, {FORMAT: f"{_digest(text, arrays)} {text}"})


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one generation; nothing in it is believed before all of it is verified.

    Raises:
        MmbalError: a newer mmbal wrote it.
        ValueError and others: it is damaged; the message says how, and does not name the file.
    """
    with safe_open(path, "np") as file:
        digest, _, text = (file.metadata() or {}).get(FORMAT, "").partition(" ")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if digest != _digest(text, arrays):
        raise ValueError("the contents do not match their SHA-256")
    header = json.loads(text)
    if header["version"] > VERSION:
        raise MmbalError(
            f"{path}: schema version {header['version']} is newer than {VERSION}, the newest this "
            "mmbal reads; upgrade mmbal"
        )
    if header["version"] < VERSION:
        raise _outdated(path)
    if path.name != _file_name(header["step"]):
        raise ValueError(f"it holds step {header['step']}")
    return Checkpoint(header["step"], arrays, dict(header["facts"]))


def _outdated(path: Path) -> MmbalError:
    return MmbalError(
        f"{path} is of an older mmbal and cannot be read: go on with that version, or remove "
        f"{path.parent} to begin the run again"
    )


def _digest(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _file_name(step: int) -> str:
    return f"{step:08d}{SUFFIX}"
