"""The frames of one sensor of one clip, resized."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from mmbal.errors import DataFormatError
from mmbal_nvgesture.decoding import Take, decode
from mmbal_nvgesture.media import Media

Pixels = NDArray[np.uint8]
FORMAT = 2  # of what names cover


@dataclass(frozen=True)
class Box:
    """A square part of a frame, in pixels of the resized frame."""

    top: int
    left: int
    side: int

    def cut(self, pixels: Pixels) -> Pixels:
        """Return the part of (..., height, width, channels)."""
        rows = slice(self.top, self.top + self.side)
        return pixels[..., rows, self.left : self.left + self.side, :]


@dataclass(frozen=True)
class Strip:
    """One sensor's window of one clip.

    Args:
        example: key of the clip, for messages.
        media: the file.
        start, end: frames of the window, from 0, end exclusive.
        height, width: after resizing, in pixels.
        gray: whether there is one channel, else three.
        pad: whether the last frame stands for those after the end of the file.
        conceal: whether damaged frames are taken as the decoder guesses them.
    """

    example: str
    media: Media
    start: int
    end: int
    height: int
    width: int
    gray: bool
    pad: bool = False
    conceal: bool = False

    def __len__(self) -> int:
        return self.end - self.start

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """All frames of the window: (frames, height, width, channels)."""
        return len(self), self.height, self.width, 1 if self.gray else 3

    def read(self, wanted: Sequence[int] | None = None, box: Box | None = None) -> Pixels:
        """Decode frames of the window.

        Args:
            wanted: ascending, from 0 at the start of the window; None for all.
            box: cut out of every frame; None for whole ones.

        Returns:
            (frames, height, width, channels), in the order of `wanted`.

        Raises:
            DataFormatError: a frame is absent or cannot be decoded; names file and line.
        """
        asked = range(len(self)) if wanted is None else wanted
        frames = [self._frame(each) for each in asked]
        needed = set(frames)
        kept: dict[int, Pixels] = {}
        # One for all frames: making one takes longer than resizing a frame.
        reformatter = VideoReformatter()

        def take(number: int, frame: av.VideoFrame) -> None:
            if number in needed:
                pixels = self._pixels(frame, reformatter)
                kept[number] = pixels if box is None else box.cut(pixels).copy()

        found = self._decode(min(frames), max(frames) + 1, take)
        if found <= max(frames):  # the header told of more
            needed = {found - 1}
            self._decode(found - 1, found, take)
        return np.stack([kept[min(frame, found - 1)] for frame in frames])

    def name(self, root: Path) -> str:
        """Return clip, sensor and a digest of all that decides what the frames show."""
        path = self.media.path
        facts = (
            FORMAT, path.relative_to(root).as_posix(), self.media.size, self.media.first,
            self.start, self.end, self.shape, self.pad, self.conceal,
        )  # fmt: skip
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        return f"{path.parent.parent.name}-{path.parent.name}-{path.stem}-{digest}"

    def state(self) -> str:
        """Return what changes when a file is mended, or when another decoder would read it.

        A mended file often has the size of the bad one, but not its time.
        """
        paths = [self.media.path]
        try:
            if self.media.numbering is not None:
                paths += self.media.path.iterdir()
            changed = sum(path.stat().st_mtime_ns for path in paths)
        except OSError:  # not there any more
            changed = 0
        return f"PyAV {av.__version__}, {changed}"

    def _frame(self, position: int) -> int:
        """Return the frame of the file that stands at a position of the window."""
        frame = self.start + position
        return min(frame, self.media.frames - 1) if self.pad else frame

    def _decode(self, first: int, last: int, take: Take) -> int:
        """Decode frames of the file; return how many there are up to `last`."""
        path = self.media.path
        try:
            found = decode(self.media, first, last, take, conceal=self.conceal)
        except DataFormatError as problem:
            raise DataFormatError(f"{path.parent}/{problem} ({self.example})") from problem
        if found < last and not (self.pad and found > 0):
            raise DataFormatError(
                f"{path}: window {self.start}:{self.end} but header {self.media.promised} frames, "
                f"decoded {found} ({self.example})"
            )
        return found

    def _pixels(self, frame: av.VideoFrame, reformatter: VideoReformatter) -> Pixels:
        form = "gray" if self.gray else "rgb24"
        resized = reformatter.reformat(
            frame, self.width, self.height, form, interpolation="BILINEAR"
        )
        pixels = cast("Pixels", resized.to_ndarray())
        return pixels.reshape(self.height, self.width, -1)
