"""The header and the index of an AVI file: a few reads tell whether it is whole.

FFmpeg looks into the frames of every file that it opens, which is too much for thousands of files
whose facts are wanted before anything is decoded.

Source: Microsoft, "AVI RIFF File Reference".
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEADER = 1 << 16  # bytes that hold the header of any one-stream file
ENTRY = 16  # bytes of an index entry


@dataclass(frozen=True)
class AviFacts:
    """What a file promises.

    Args:
        width, height: of its frames, in pixels.
        promised: frames by the header.
        frames: frames by the index; by the header where there is no index, unless counted.
        size: of the file in bytes.
    """

    width: int
    height: int
    promised: int
    frames: int
    size: int


def probe(path: Path, *, count: bool = False) -> AviFacts | str:
    """Return what an AVI file promises, or in one line why it cannot be used.

    Args:
        path: of the file.
        count: the frames themselves, whatever header and index say. That reads a few bytes of
            each.
    """
    try:
        with path.open("rb") as stream:
            return _probe(stream, path.stat().st_size, path.name, count=count)
    except OSError as problem:
        return f"{path.name}: cannot be read: {problem.strerror}"


def _probe(stream: BinaryIO, size: int, name: str, *, count: bool) -> AviFacts | str:
    start = stream.read(12)
    if start[:4] != b"RIFF" or start[8:] != b"AVI ":
        return f"{name}: no AVI file ({size:,} bytes, begins with {start[:12]!r})"
    promised = int.from_bytes(start[4:8], "little") + 8
    if promised > size:
        return f"{name}: cut short, {size:,} of {promised:,} bytes"
    header, index = b"", b""
    for kind, length in _chunks(stream, 12, size):
        if kind == b"LISThdrl":
            header = stream.read(min(length, HEADER))
        elif kind == b"idx1":
            index = stream.read(length)
            break
    main = header.find(b"avih")
    # Streams stand in the order of their numbers, which the names of their frames begin with.
    kinds = [part[4:8] for part in header.split(b"strh")[1:]]
    if main < 0 or b"vids" not in kinds or len(header) < main + 48:
        return f"{name}: no video in this AVI file"
    frames, width, height = (
        int.from_bytes(header[main + at : main + at + 4], "little") for at in (24, 40, 44)
    )
    stream_number = f"{kinds.index(b'vids'):02d}".encode()
    counted = _count(index, stream_number) if index else frames
    if count:
        counted = sum(1 for _ in _frames(stream, stream_number, 12, size))
    return AviFacts(width, height, frames, counted, size)


def _frames(stream: BinaryIO, number: bytes, at: int, end: int) -> Iterator[int]:
    """Yield the bytes of each frame of a stream that is not empty."""
    for kind, length in _chunks(stream, at, end):
        if kind in (b"LISTmovi", b"LISTrec "):
            inside = stream.tell()
            yield from _frames(stream, number, inside, inside + length)
        elif _is_frame(kind, number) and length > 0:
            yield length


def _is_frame(kind: bytes, stream: bytes) -> bool:
    return kind[:2] == stream and kind[2:] in (b"dc", b"db")


def _chunks(stream: BinaryIO, at: int, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and length of each chunk, with the stream at its content."""
    while at + 12 <= size:
        stream.seek(at)
        kind, length = stream.read(4), int.from_bytes(stream.read(4), "little")
        if kind == b"LIST":
            yield kind + stream.read(4), length - 4
        else:
            yield kind, length
        at += 8 + length + length % 2


def _count(index: bytes, stream: bytes) -> int:
    """Return the number of frames of a stream that are not empty."""
    whole = len(index) // ENTRY * ENTRY
    return sum(
        _is_frame(kind, stream) and length > 0
        for kind, length in struct.iter_unpack("<4s8xI", index[:whole])
    )
