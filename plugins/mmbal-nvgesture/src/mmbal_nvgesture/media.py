"""Where the frames of one sensor of one clip stand: in a video or in a folder of images."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmbal_nvgesture import avi

_IMAGE = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<end>\.(?:jpe?g|png))", re.IGNORECASE)


@dataclass(frozen=True)
class Numbering:
    """How the images of a folder are named: `before`, a number of at least `digits`, `end`."""

    before: str
    digits: int
    end: str
    first: int

    def name(self, frame: int) -> str:
        """Return the file of a frame, which counts from 0."""
        return f"{self.before}{self.number(frame)}{self.end}"

    def number(self, frame: int) -> str:
        """Return the number in the name of a frame's file."""
        return f"{frame + self.first:0{self.digits}d}"


@dataclass(frozen=True)
class Media:
    """A video, or a folder of images.

    Args:
        path: of the file or the folder.
        width, height: of its frames, in pixels.
        frames: how many there are, without decoding them.
        promised: frames that a video's header tells; other than `frames` where that is wrong.
        size: bytes.
        numbering: of a folder; None for a video.
    """

    path: Path
    width: int
    height: int
    frames: int
    promised: int
    size: int
    numbering: Numbering | None = None

    @property
    def shape(self) -> str:
        """Width and height in words."""
        return f"{self.width}x{self.height}"

    @property
    def first(self) -> int | None:
        """Number of a folder's first image; None for a video."""
        return None if self.numbering is None else self.numbering.first


def find_media(folder: Path, stem: str, layout: str) -> Path | None:
    """Return the video or the folder of images of a sensor; None if there is neither.

    Args:
        folder: of the clip.
        stem: of the sensor's file.
        layout: auto, video or frames, as the option.
    """
    video = folder / f"{stem}.avi"
    if layout != "frames" and video.is_file():
        return video
    if layout != "video":
        for name in (stem, f"{stem}_all"):
            if (folder / name).is_dir():
                return folder / name
    return None


def probe_media(
    path: Path,
    first_frame: Literal["auto", 0, 1],
    window: Collection[int],
    *,
    count: bool = False,
) -> Media | str:
    """Return the facts of a video or a folder, or in one line why it cannot be used.

    Args:
        path: of `find_media`.
        first_frame: number of a folder's first image.
        window: frames, from 0, that a folder must not lack.
        count: the frames of a video themselves, whatever its header and index say.
    """
    if path.is_dir():
        return _probe_folder(path, first_frame, window)
    facts = avi.probe(path, count=count)
    if isinstance(facts, str):
        return facts
    if not facts.width or not facts.height or not facts.frames:
        return f"{path.name}: holds {facts.frames} frames of {facts.width}x{facts.height}"
    return Media(path, facts.width, facts.height, facts.frames, facts.promised, facts.size)


def _probe_folder(
    folder: Path, first_frame: Literal["auto", 0, 1], window: Collection[int]
) -> Media | str:
    found = {
        int(match["number"]): match
        for match in map(_IMAGE.fullmatch, sorted(path.name for path in folder.iterdir()))
        if match is not None and not match[0].startswith(".")
    }
    if not found:
        return f"{folder.name}: no numbered images (.jpg, .jpeg, .png)"
    lowest = min(found)
    if first_frame == "auto" and lowest > 1:
        return (
            f"{folder.name}: the first image is number {lowest}; set first_frame to 0 or 1 to "
            "say how frames are counted"
        )
    first = lowest if first_frame == "auto" else first_frame
    one = found[lowest]
    numbering = Numbering(one["before"], len(one["number"]), one["end"], first)
    frames = max(found) - first + 1
    for frame in window:
        if frame < frames and frame + first not in found:
            return f"{folder.name}: frame {numbering.number(frame)} missing"
    sizes = [(folder / each[0]).stat().st_size for each in found.values()]
    shape = _shape(folder / one[0])
    if isinstance(shape, str):
        return f"{folder.name}/{shape}"
    return Media(folder, *shape, frames, frames, sum(sizes), numbering)


def _shape(path: Path) -> tuple[int, int] | str:
    """Return width and height, which stand in an image's header."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        return f"{path.name}: cannot decode image ({problem})"
