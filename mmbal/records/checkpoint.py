"""One checkpoint, one file, checked as a whole.

A `.safetensors` file, which holds no code by design and which any tool for such files opens. The
metadata of its header have one entry, `mmbal-checkpoint`: the SHA-256 of everything else in
hexadecimal digits, a space, and a JSON object with

- `version` (of this schema; a newer one is refused) and `mmbal` (the version that wrote it);
- `step`: training steps done;
- `facts`: what else there is to tell.

The digest is that of this JSON text, then, in the order of their names, of each array's name,
type and shape as a JSON list, and of its values; it is the same in every version of the schema.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mmbal.errors import DataFormatError, MmbalError, first_line
from mmbal.version import __version__

FORMAT = "mmbal-checkpoint"
VERSION = 2  # 1 was HDF5
SUFFIX = ".safetensors"

DTYPES = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64",
})  # fmt: skip

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


def file_name(step: int) -> str:
    """Return the name of the file that holds the state after a number of steps."""
    return f"{step:08d}{SUFFIX}"


def file_image(checkpoint: Checkpoint) -> bytes:
    """Return the bytes of a whole file.

    Raises: as `Generations.save`, but nothing of the disk.
    """
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
        DataFormatError: it is damaged; the message says how, and does not name the file.
        MmbalError: a newer mmbal wrote it.
    """
    try:
        return _read(path)
    except MmbalError:
        raise
    except (OSError, SafetensorError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataFormatError(first_line(error, typed=False)) from error


def _read(path: Path) -> Checkpoint:
    with safe_open(path, "np") as file:
        digest, _, text = (file.metadata() or {}).get(FORMAT, "").partition(" ")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if digest != _digest(text, arrays):
        raise DataFormatError("the contents do not match their SHA-256")
    header = json.loads(text)
    if header["version"] > VERSION:
        raise MmbalError(
            f"{path}: schema version {header['version']} is newer than {VERSION}, the newest this "
            "mmbal reads; upgrade mmbal"
        )
    if path.name != file_name(header["step"]):
        raise DataFormatError(f"it holds step {header['step']}")
    return Checkpoint(header["step"], arrays, dict(header["facts"]))


def _digest(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
