"""The header and the index of an AVI file: a few reads tell whether it is whole.

FFmpeg looks into the frames of every file that it opens, which is too much for thousands of files
whose facts are wanted before anything is decoded; it is asked where there is no such header. A
writer into a pipe, or one that was killed, leaves placeholders and no index: frames are counted.

Source: Microsoft, "AVI RIFF File Reference"; OpenDML, "AVI File Format Extensions" (`AVIX`).
"""

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

HEADER = 1 << 16  # bytes that hold the header of any one-stream file
ENTRY = 16  # bytes of an index entry
_UNKNOWN = (0, 0xFFFFFFFF)  # what stands for a size until a file is closed
_AROUND_FRAMES = (b"LISTmovi", b"LISTrec ", b"RIFFAVIX")


@dataclass(frozen=True)
class AviFacts:
    """What a file holds.

    Args:
        width, height: of its frames, in pixels.
        promised: frames by the header; 0 where it tells none.
        frames: frames by the index; counted where there is none, or where it cannot hold all.
        size: of the file in bytes.
    """

    width: int
    height: int
    promised: int
    frames: int
    size: int


def probe(path: Path, *, count: bool = False) -> AviFacts | str:
    """Return what a video holds, or in one line why it cannot be used.

    Args:
        path: of the file.
        count: the frames themselves, whatever header and index say. That reads a few bytes of
            each.
    """
    try:
        with path.open("rb") as stream:
            size = path.stat().st_size
            start = stream.read(12)
            length = int.from_bytes(start[4:8], "little")
            if start[:4] != b"RIFF" or start[8:] != b"AVI ":
                facts: AviFacts | str = f"no AVI file ({size:,} bytes, begins with {start!r})"
            elif length not in _UNKNOWN and length + 8 > size:
                return f"{path.name}: cut short, {size:,} of {length + 8:,} bytes"
            else:
                # What follows the first RIFF chunk is in no index.
                more = length in _UNKNOWN or length + 8 < size
                facts = _probe(stream, size, count=count or more)
    except OSError as problem:
        return f"{path.name}: cannot be read: {problem.strerror}"
    if isinstance(facts, AviFacts):
        return facts
    return _ask_decoder(path, size) or f"{path.name}: {facts}"


def _probe(stream: BinaryIO, size: int, *, count: bool) -> AviFacts | str:
    header, index = b"", b""
    for kind, length in _chunks(stream, size):
        if kind == b"LISThdrl":
            header = stream.read(min(length, HEADER))
        elif kind == b"idx1":
            index = stream.read(length)
            break
    main = header.find(b"avih")
    # Streams stand in the order of their numbers, which the names of their frames begin with.
    kinds = [part[4:8] for part in header.split(b"strh")[1:]]
    if main < 0 or b"vids" not in kinds or len(header) < main + 48:
        return "no video in this AVI file"
    frames, width, height = (
        int.from_bytes(header[main + at : main + at + 4], "little") for at in (24, 40, 44)
    )
    if not width or not height:
        return f"frames of {width}x{height} in this AVI file"
    number = f"{kinds.index(b'vids'):02d}".encode()
    if count or not index:
        chunks = _chunks(stream, size, _AROUND_FRAMES)
    else:
        whole = len(index) // ENTRY * ENTRY
        chunks = struct.iter_unpack("<4s8xI", index[:whole])
    counted = sum(
        kind in (number + b"dc", number + b"db") and length > 0 for kind, length in chunks
    )
    return AviFacts(width, height, frames, counted, size)


def _chunks(
    stream: BinaryIO, size: int, entered: Collection[bytes] = ()
) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and length of each whole chunk, with the stream at its content.

    Lists of the kinds in `entered` are yielded, whole or not, and so is what they hold.
    """
    at = 12
    while at + 12 <= size:
        stream.seek(at)
        kind, length = stream.read(4), int.from_bytes(stream.read(4), "little")
        end = at + 8 + length
        if kind in (b"LIST", b"RIFF"):
            kind += stream.read(4)
            length = max(length - 4, 0)
        if kind in entered:
            end = at + 12
        if end <= size:
            yield kind, length
        at = end + end % 2


def _ask_decoder(path: Path, size: int) -> AviFacts | None:
    """Return what FFmpeg finds in a file of any form; None if there is no video."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = sum(packet.size > 0 for packet in container.demux(stream))
            return AviFacts(stream.width, stream.height, 0, frames, size)
    except (av.FFmpegError, OSError, ValueError, LookupError, AttributeError):
        return None
