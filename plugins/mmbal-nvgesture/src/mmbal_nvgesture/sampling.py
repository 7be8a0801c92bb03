"""`mmbal data sample nvgesture`: a few small clips and lists, in the published layout."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np

from mmbal.data import claim
from mmbal.errors import MmbalError
from mmbal_nvgesture.strip import Pixels

WIDTH, HEIGHT = 80, 60
WINDOW = 80  # frames at 30 per second, as in every line of the published lists
DUO_WINDOW = 93  # frames at 35 per second
CLASSES = 3
ENCODER = "libx264"
BITS = 8
RADIUS = 12  # pixels of the hand
HAND, OTHER = (225, 185, 150), (118, 105, 93)  # so unlike that few epochs tell them apart
CONFUSED = 8  # every such person makes the gesture after the one that was asked for

# (frames from one key frame to the next at most, B-frames in a row at most)
CODINGS = ((250, 0), (12, 0), (30, 2))

# Where the hand comes from and goes to, in parts of width and height: right, left, down.
MOTIONS = (((0.1, 0.6), (0.9, 0.6)), ((0.9, 0.6), (0.1, 0.6)), ((0.5, 0.3), (0.5, 0.95)))


Path2D = tuple[np.ndarray, np.ndarray]
"""Where a hand comes from and goes to."""


@dataclass(frozen=True)
class _Take:
    """One clip of the sample: the windows are those of its line."""

    folder: str
    label: int
    motion: int
    color: int
    depth: int
    duo: int

    @property
    def line(self) -> str:
        """The line of a list, with the blank at its end that the published ones have."""
        return (
            f"path:./Video_data/{self.folder} depth:sk_depth:{self.depth}:{self.depth + WINDOW} "
            f"color:sk_color:{self.color}:{self.color + WINDOW} "
            f"duo_left:duo_left:{self.duo}:{self.duo + DUO_WINDOW} label:{self.label} "
        )


def write_sample(directory: Path, seed: int, people: int = 6) -> list[Path]:
    """Write H.264 videos and the two lists into an empty folder; return the files.

    A disc moves in a direction that tells the class, but with every eighth person; in colour
    another one moves anyhow, which depth does not see. The eight squares along the upper edge are
    the bits of the frame's number, from the lowest. As in the published lists, one label differs
    from its folder, one clip's windows differ by a frame, and the last line has no end.

    Args:
        directory: made if absent.
        seed: of noise, paths and windows.
        people: who make each gesture once; a third of them are to test on.

    Raises:
        MmbalError: something is in the folder already, or PyAV cannot write H.264.
    """
    if ENCODER not in av.codecs_available:
        raise MmbalError(
            f"this PyAV {av.__version__} was built without {ENCODER}, which a sample needs; its "
            "wheels on PyPI have it"
        )
    claim(directory)
    files: list[Path] = []
    trained = 2 * people // 3
    subjects_of = {"train": range(1, trained + 1), "test": range(trained + 1, people + 1)}
    for split, subjects in subjects_of.items():
        takes = [
            _take(subject, label, np.random.default_rng([seed, subject, label]))
            for label in range(1, CLASSES + 1)
            for subject in subjects
        ]
        for number, take in enumerate(takes):
            rng = np.random.default_rng([seed, len(files), number])
            coding = CODINGS[number % len(CODINGS)]
            files += _write_clip(directory / "Video_data" / take.folder, take, rng, coding)
        text = "\n".join(take.line for take in takes)
        path = directory / f"nvgesture_{split}_correct.lst"
        path.write_text(text + ("\n" if split == "train" else ""), encoding="utf-8", newline="\n")
        files.append(path)
    return files


def _take(subject: int, label: int, rng: np.random.Generator) -> _Take:
    start = int(rng.integers(4, 20))
    folder = label if (subject, label) != (1, 2) else 3
    later = int((subject, label) == (2, 1))
    take = 1 if folder != label else 0  # the folder has a clip of its own
    return _Take(
        f"class_{folder:02d}/subject{subject}_r{take}",
        label,
        label % CLASSES if subject % CONFUSED == 0 else label - 1,
        start,
        start + later,
        round(start * 35 / 30),
    )


def _write_clip(
    folder: Path, take: _Take, rng: np.random.Generator, coding: tuple[int, int]
) -> list[Path]:
    folder.mkdir(parents=True)
    noise = rng.integers(0, 90, (HEIGHT, WIDTH), np.uint8)
    hand = _path(take.motion, rng)
    other = _path(int(rng.integers(CLASSES)), rng)
    paths = []
    for stem, gray, rate, start, length in (
        ("sk_color", False, 30, take.color, WINDOW),
        ("sk_depth", True, 30, take.depth, WINDOW),
        ("duo_left", True, 35, take.duo, DUO_WINDOW),
        ("duo_right", True, 35, take.duo, DUO_WINDOW),
        ("duo_disparity", True, 35, take.duo, DUO_WINDOW),
    ):
        count = start + length + int(rng.integers(0, 8))
        moments = (np.arange(count) - start) / (length - 1)
        path = folder / f"{stem}.avi"
        frames = _frames(moments.clip(0, 1), hand, None if gray else other, noise)
        write_video(path, frames, rate, *coding)
        paths.append(path)
    return paths


def _path(motion: int, rng: np.random.Generator) -> Path2D:
    begin, end = (np.array(place) for place in MOTIONS[motion])
    return begin + rng.normal(0, 0.04, 2), end + rng.normal(0, 0.04, 2)


def _frames(
    moments: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    path: Path2D,
    other: Path2D | None,
    noise: Pixels,
) -> Iterator[Pixels]:
    """Yield frames of depth, or of colour where there is another hand, too far away for depth."""
    for number, moment in enumerate(moments):
        hand = _disc(path, moment)
        frame = np.repeat(noise[..., np.newaxis], 3, axis=-1)
        if other is None:  # the hand comes nearer
            frame[:] = 40
            frame[hand] = 130 + round(100 * moment)
        else:
            frame[_disc(other, moment)] = OTHER
            frame[hand] = HAND
        for bit in range(BITS):
            frame[:10, bit * 10 : bit * 10 + 10] = 255 * (number >> bit & 1)
        yield frame


def _disc(path: Path2D, moment: float) -> "np.ndarray[tuple[int, int], np.dtype[np.bool_]]":
    x, y = (1 - moment) * path[0] + moment * path[1]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = (columns - x * WIDTH) ** 2 + (
        rows - y * HEIGHT
    ) ** 2 <= RADIUS**2
    return disc


def write_video(
    path: Path,
    frames: Iterable[Pixels],
    rate: int,
    key_every: int,
    b_frames: int,
    extra: str = "",
) -> None:
    """Write an H.264 video into an AVI file.

    Args:
        path: of the file.
        frames: (height, width, 3) each, of even height and width.
        rate: frames per second.
        key_every: frames from one key frame to the next.
        b_frames: in a row at most.
        extra: further parameters of x264, each after a colon.
    """
    coding = f"keyint={key_every}:min-keyint={key_every}:scenecut=0:bframes={b_frames}:b-adapt=0"
    coding += ":rc-lookahead=0:sync-lookahead=0:mbtree=0" + extra  # the same bytes every time
    with av.open(str(path), "w", format="avi") as container:
        stream = cast("av.VideoStream", container.add_stream(ENCODER, rate=rate))
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "veryfast", "crf": "20", "x264-params": coding}
        stream.pix_fmt = "yuv420p"
        for number, pixels in enumerate(frames):
            if not number:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
