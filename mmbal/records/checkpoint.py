"""One checkpoint, one file, checked as a whole.

An HDF5 file (no pickle, no compression) of schema version 1 that any HDF5 tool opens:

- attributes of the file: `format` ("mmbal-checkpoint"), `version` (of this schema; a newer one
  is refused), `mmbal` (version that wrote it), `step` (training steps done), `description`;
- `facts`: one JSON object as text;
- `arrays/*`: one dataset per array, its name percent-encoded. Booleans, integers, floats and
  complex numbers keep their type and byte order. Any other type, such as bfloat16, lies as raw
  bytes along one more axis, its name in the attribute `type`.

Behind the HDF5 bytes stands a trailer of 56 bytes, the same in every version of the schema:
their SHA-256 (32 bytes), their number (8, little-endian) and `mmbal-checkpoint` (16). So each
byte of a file counts: nothing torn, half-written or flipped ever reaches the HDF5 library.
"""

import hashlib
import io
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import numpy.typing as npt

from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.writer import array_path
from mmbal.version import __version__

FORMAT = "mmbal-checkpoint"
VERSION = 1

_DESCRIPTION = (
    "State of a training run. The 56 bytes behind the HDF5 data are the SHA-256 of that data, "
    "its length (64 bits, little-endian) and the word mmbal-checkpoint."
)
_TRAILER = struct.Struct("<32sQ16s")
_MAGIC = FORMAT.encode("ascii")
_BLOCK = 1 << 20

# What every HDF5 library knows by itself; all else is kept as bytes.
_PLAIN = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
})  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two steps.

    Args:
        step: training steps done, 0 or more.
        arrays: by name, of any shape (also () and empty ones) and any type but Python objects
            and records; they come back bit by bit.
        facts: what JSON can hold. Text, integers of any size and floats (also NaN and the
            infinities) come back exactly; tuples come back as lists, keys as text.
    """

    step: int
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def file_name(step: int) -> str:
    """Return the name of the file that holds the state after a number of steps."""
    return f"{step:08d}.h5"


def file_image(checkpoint: Checkpoint) -> io.BytesIO:
    """Return the bytes of a whole file.

    Raises: as `Generations.save`, but nothing of the disk.
    """
    # HDF5 builds it in memory: a full disk then meets one plain write.
    if checkpoint.step < 0:
        raise ValueError(f"step must be 0 or more, received {checkpoint.step}")
    facts = np.bytes_(json.dumps(dict(checkpoint.facts)).encode("ascii"))
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["mmbal"] = __version__
        file.attrs["step"] = int(checkpoint.step)
        file.attrs["description"] = _DESCRIPTION
        dtype = h5py.string_dtype("utf-8", facts.itemsize)
        file.create_dataset("facts", data=facts, dtype=dtype)
        file.create_group("arrays")
        for name, values in checkpoint.arrays.items():
            _write(file, name, values)
    with image.getbuffer() as body:
        trailer = _TRAILER.pack(hashlib.sha256(body).digest(), len(body), _MAGIC)
    image.seek(0, os.SEEK_END)
    image.write(trailer)
    return image


def _write(file: h5py.File, name: str, values: npt.NDArray[Any]) -> None:
    array = np.asarray(values)
    dtype = array.dtype
    path = array_path(name)
    if not name or unquote(path.removeprefix("arrays/")) != name:
        raise ValueError(f"an array cannot have the name {name!r}")
    if dtype.name in _PLAIN:
        file.create_dataset(path, data=array, dtype=dtype)
        return
    # 2 marks types that a package added to NumPy; only their name tells them apart.
    label = dtype.name if dtype.isbuiltin == 2 else dtype.str
    if dtype.hasobject or _type(label) != dtype:
        raise TypeError(f"array {name!r}: a checkpoint cannot hold {dtype}")
    octets = array.reshape(*array.shape, 1).view(np.uint8)
    file.create_dataset(path, data=octets).attrs["type"] = label


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one generation; nothing in it is parsed before all of it is verified, nor followed.

    Raises:
        DataFormatError: it is damaged; the message says how, and does not name the file.
        MmbalError: a newer mmbal wrote it.
        FileNotFoundError: it is gone.
    """
    try:
        # One descriptor for both: a file put in its place meanwhile is not mixed in.
        with path.open("rb") as file:
            size = verify(file)
            with h5py.File(file, "r") as contents:
                return _checkpoint(contents, path, size)
    except (MmbalError, FileNotFoundError):
        raise
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DataFormatError(reason.splitlines()[0]) from error


def verify(file: io.BufferedReader) -> int:
    """Return the length of the HDF5 data in a file whose every byte is as it was written.

    Raises:
        DataFormatError: one byte or more differs; the message does not name the file.
        OSError: the file cannot be read.
    """
    size = file.seek(0, os.SEEK_END) - _TRAILER.size
    file.seek(max(0, size))
    trailer = file.read(_TRAILER.size)
    if len(trailer) < _TRAILER.size or not trailer.endswith(_MAGIC):
        raise DataFormatError("incomplete: the trailer is missing")
    digest, length, _ = _TRAILER.unpack(trailer)
    if length != size:
        raise DataFormatError(f"{size} bytes long instead of {length}")
    found, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
    file.seek(0)
    while size > 0 and (count := file.readinto(block[: min(size, _BLOCK)])):
        found.update(block[:count])
        size -= count
    if found.digest() != digest:
        raise DataFormatError("the contents do not match their SHA-256")
    return int(length)


def _checkpoint(file: h5py.File, path: Path, size: int) -> Checkpoint:
    if file.attrs.get("format") != FORMAT:
        raise DataFormatError("no checkpoint of mmbal")
    version, step = int(file.attrs["version"]), int(file.attrs["step"])
    if version > VERSION:
        raise MmbalError(
            f"{path}: schema version {version} is newer than {VERSION}, the newest this mmbal "
            "reads; upgrade mmbal"
        )
    if path.name != file_name(step):
        raise DataFormatError(f"it holds step {step}")
    facts = json.loads(bytes(_dataset(file, "facts", size)[()]))
    if not isinstance(facts, dict):
        raise DataFormatError("facts is no JSON object")
    group = _own(file, "arrays", h5py.Group)
    arrays = {unquote(name): _array(_dataset(group, name, size)) for name in group}
    return Checkpoint(step, arrays, facts)


def _dataset(group: h5py.Group, name: str, size: int) -> h5py.Dataset:
    dataset = _own(group, name, h5py.Dataset)
    if dataset.is_virtual or dataset.external:
        raise DataFormatError(f"{name} lies in another file")
    if dataset.nbytes > size:
        raise DataFormatError(f"{name} claims more values than the file can hold")
    return dataset


def _own(group: h5py.Group, name: str, kind: Any) -> Any:
    """Return what lies in this very file; links are never written, so none is followed."""
    found = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, kind):
        raise DataFormatError(f"{name} is no {kind.__name__.lower()} of this file")
    return found


def _array(dataset: h5py.Dataset) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = dataset[...]
    name = dataset.attrs.get("type")
    if name is None:
        return array
    values: npt.NDArray[Any] = array.view(_type(name))
    return values.reshape(array.shape[:-1])


def _type(label: str) -> np.dtype[Any]:
    if label[0] in "<>=|":
        return np.dtype(label)
    import ml_dtypes

    dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, label))
    return dtype
