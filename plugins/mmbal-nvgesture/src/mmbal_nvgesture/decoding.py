"""Exact frames of a video or of a folder of images.

Times in AVI files do not tell which frame is which: the format stores none, and what FFmpeg makes
of B-frames or of a wrong index is a guess. Frames are therefore counted. The packets of a file are
counted from its beginning, which costs next to nothing; only those from the last key frame before
the window on are decoded. That is trusted if and only if a key frame comes out first and every
packet gives one frame without errors. Otherwise everything is decoded from the first frame on.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from PIL import Image

from mmbal.errors import DataFormatError
from mmbal_nvgesture.media import Media, Numbering

Take = Callable[[int, av.VideoFrame], None]


def decode(media: Media, first: int, last: int, take: Take, *, conceal: bool = False) -> int:
    """Hand the frames `first` to `last - 1`, in order, to `take`, with their numbers from 0.

    A frame may come twice, the later one is right.

    Args:
        media: a video or a folder of images.
        first: of the frames, from 0.
        last: the one after them.
        take: keeps what it needs; the frame itself is not used again.
        conceal: whether the decoder's guesses are taken for frames that are damaged.

    Returns:
        `last`, or the number of frames that there are if it is less.

    Raises:
        DataFormatError: a frame cannot be decoded; the message begins with the file's name.
    """
    if media.numbering is not None:
        return _read_images(media, media.numbering, first, min(last, media.frames), take)
    attempt = _Attempt(media.path, first, last, take, conceal)
    found = attempt.from_key_frame()
    return attempt.from_beginning() if found is None else found


class _Attempt:
    """Decoding of frames of one video."""

    def __init__(self, path: Path, first: int, last: int, take: Take, conceal: bool) -> None:
        self._path = path
        self._first, self._last = first, last
        self._take = take
        self._conceal = conceal

    def from_key_frame(self) -> int | None:
        """Decode what is needed only; None where the frames' numbers are not certain then."""
        try:
            found = self._run(self._first)
        except av.FFmpegError:
            return None
        # From the beginning, frames that come out are counted as they do.
        return found if self._base == 0 or self._certain else None

    def from_beginning(self) -> int:
        """Decode all up to the last frame.

        Raises:
            DataFormatError: a frame cannot be decoded, or only with errors.
        """
        try:
            return self._run(0)
        except av.FFmpegError as problem:
            number = self._base + self._shown
            raise _undecodable(self._path, self._codec, number, problem) from problem

    def _run(self, first: int) -> int:
        self._base = self._given = self._shown = 0
        self._sound = True
        with _opened(self._path, self._conceal) as (packets, context):
            self._codec = context.name
            for self._base, batch in _from_key_frame(packets, first):
                for packet in batch:
                    self._given += 1
                    self._show(context.decode(packet))
                if self._base + self._shown >= self._last:
                    break
            self._show(context.decode(None))
        return min(self._base + self._shown, self._last)

    def _show(self, frames: Iterable[av.VideoFrame]) -> None:
        for frame in frames:
            number = self._base + self._shown
            if frame.is_corrupt and not self._conceal and self._base == 0:
                raise DataFormatError(f"{self._path.name}: frame {number} is damaged; {_ADVICE}")
            if frame.is_corrupt or (self._shown == 0 and not frame.key_frame):
                self._sound = False
            if self._first <= number < self._last:
                self._take(number, frame)
            self._shown += 1

    @property
    def _certain(self) -> bool:
        return self._sound and self._given == self._shown


def _from_key_frame(packets: Iterator[Any], first: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield (number of the first packet to decode, packets), the first of them a key frame.

    It is the last one before or at `first`, or the beginning where none is marked.
    """
    base = 0
    waiting: list[Any] = []
    for number, packet in enumerate(packets):
        if number <= first and packet.is_keyframe:
            base, waiting = number, []
        waiting.append(packet)
        if number >= first:
            yield base, waiting
            waiting = []
    if waiting:
        yield base, waiting


@contextmanager
def _opened(path: Path, conceal: bool) -> Iterator[tuple[Iterator[Any], Any]]:
    """Yield the packets of a video that are not empty, and its decoder."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as problem:
        raise _undecodable(path, "", 0, problem) from problem
    with container:
        if not container.streams.video:
            raise DataFormatError(f"{path.name}: no video stream")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context is None:
            raise DataFormatError(
                f"{path.name}: its codec is not supported by PyAV {av.__version__}; {_ADVICE}"
            )
        context.thread_count = 1  # clips are decoded side by side
        if not conceal:
            context.options = {"err_detect": "explode"}
        yield (packet for packet in container.demux(stream) if packet.size), context


_ADVICE = "copy it anew, or extract its frames as images into a folder of the same name"


def _undecodable(path: Path, codec: str, frame: int, problem: Exception) -> DataFormatError:
    reason = getattr(problem, "strerror", None) or problem
    coded = f"codec {codec}, " if codec else ""
    return DataFormatError(
        f"{path.name}: cannot decode frame {frame} ({coded}PyAV {av.__version__}: {reason}); "
        f"{_ADVICE}"
    )


def _read_images(media: Media, numbering: Numbering, first: int, last: int, take: Take) -> int:
    for number in range(first, last):
        path = media.path / numbering.name(number)
        try:
            with Image.open(path) as image:
                frame = av.VideoFrame.from_image(image.convert("RGB"))  # type: ignore[no-untyped-call]
        except FileNotFoundError as problem:
            missing = f"{media.path.name}: frame {numbering.number(number)} missing"
            raise DataFormatError(missing) from problem
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
            raise DataFormatError(
                f"{media.path.name}/{path.name}: cannot decode image ({problem})"
            ) from problem
        if (frame.width, frame.height) != (media.width, media.height):
            raise DataFormatError(
                f"{media.path.name}/{path.name}: is {frame.width}x{frame.height}, the folder's "
                f"first image is {media.shape}; all need one size"
            )
        take(number, frame)
    return last
