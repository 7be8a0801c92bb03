"""The IDX format of MNIST: a big-endian header, then bytes; plain or gzip-compressed."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmbal.errors import DataFormatError

_KINDS = {3: "images", 1: "labels"}


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    Args:
        path: the file.
        axes: 3 for images (examples, height, width), 1 for labels (examples,).

    Raises:
        DataFormatError: the file is no such IDX file, or is shorter or longer than it says.
    """
    data = read_packed(path)
    header = 4 + 4 * axes
    magic, expected = data[:4].hex(), f"{0x800 + axes:08x}"
    if magic != expected:
        found = f"magic 0x{magic}" if magic else "an empty file"
        raise DataFormatError(f"{path}: {found}, expected 0x{expected} ({_KINDS[axes]})")
    if len(data) < header:
        raise DataFormatError(f"{path}: ends within its header of {header} bytes")
    shape = struct.unpack(f">{axes}I", data[4:header])
    promised, held = 1, len(data) - header
    for length in shape:
        promised *= length
    if held != promised:
        sizes = "x".join(map(str, shape))
        raise DataFormatError(
            f"{path}: holds {held:,} bytes, header promises {promised:,} ({sizes})"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array as IDX, compressed when the name ends in .gz; equal arrays, equal bytes."""
    header = struct.pack(f">{array.ndim + 1}I", 0x800 + array.ndim, *array.shape)
    data = header + np.ascontiguousarray(array, np.uint8).tobytes()
    # mtime=0: the gzip header would otherwise hold the time of writing.
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def read_packed(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where its first two, and not its name, say gzip.

    Raises:
        DataFormatError: what is packed is damaged.
    """
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataFormatError(f"{path}: not a valid gzip stream ({problem})") from problem
