"""Examples as NumPy arrays: which frames, which crop, from files or from the cache."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbal.errors import DataFormatError
from mmbal_media import ArrayCache
from mmbal_nvgesture.lists import Clip
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.strip import Box, Pixels, Strip
from mmbal_nvgesture.window import BLACK, Positions, Sampler, at_same_times

HINT = (
    "`mmbal data check nvgesture` lists all such clips; with on_bad_example=skip, runs leave out "
    "those that `mmbal data prepare nvgesture` has found"
)


class ClipReader:
    """Reads clips, several threads at a time.

    Args:
        clips: an example each.
        cache: read from where it holds a clip.
        options: of the dataset.
    """

    def __init__(self, clips: Sequence[Clip], cache: ArrayCache, options: NVGestureOptions) -> None:
        self._clips = clips
        self._cache = cache
        self._crop = options.crop
        self._channels = options.depth_channels
        self._flip = options.flip
        self._sampler = Sampler(options)
        pairs = [
            (one - 1, other - 1)
            for one, other in options.flip_pairs
            if max(one, other) <= options.classes
        ]
        self._mirrored = dict(pairs) | {other: one for one, other in pairs}

    def plain(self, index: NDArray[np.int64]) -> tuple[dict[str, Pixels], int]:
        """Return the middle of a clip's window and frames, and its label.

        Args:
            index: (), of the clip.

        Returns:
            By sensor (frames, height, width, channels) uint8; the label.

        Raises:
            DataFormatError: a frame cannot be read.
        """
        clip = self._clips[int(index)]
        height, width = _size(clip)
        box = Box((height - self._crop) // 2, (width - self._crop) // 2, self._crop)
        shown = self._read(clip, self._sampler.middle(_length(clip)), box)
        return shown, clip.label

    def varied(
        self, index: NDArray[np.int64], seed: NDArray[np.int64]
    ) -> tuple[dict[str, Pixels], int]:
        """Return a random stretch of a clip's window in a random crop.

        Args:
            index: (), of the clip.
            seed: (2,), decides everything that is drawn.

        Returns:
            As `plain`.

        Raises:
            DataFormatError: a frame cannot be read.
        """
        clip = self._clips[int(index)]
        rng = np.random.default_rng(seed.astype(np.uint64))
        positions = self._sampler.drawn(_length(clip), rng)
        height, width = _size(clip)
        top, left = (int(rng.integers(side - self._crop + 1)) for side in (height, width))
        shown = self._read(clip, positions, Box(top, left, self._crop))
        label = clip.label
        if self._flip and rng.random() < 0.5:
            shown = {
                name: np.ascontiguousarray(pixels[:, :, ::-1]) for name, pixels in shown.items()
            }
            label = self._mirrored.get(label, label)
        return shown, label

    def _read(self, clip: Clip, positions: Positions, box: Box) -> dict[str, Pixels]:
        length = _length(clip)
        shown = {}
        for name, strip in clip.arrays.items():
            own = at_same_times(positions, length, len(strip))
            frames, order = np.unique(own[own != BLACK], return_inverse=True)
            if not len(frames):  # a stride that leaps over a window
                pixels = np.zeros((0, box.side, box.side, strip.shape[-1]), np.uint8)
            else:
                pixels = self._frames(strip, frames.tolist(), box)
            if len(order) < len(own) or len(frames) < len(order):
                every = np.zeros((len(own), *pixels.shape[1:]), np.uint8)
                every[own != BLACK] = pixels[order]
                pixels = every
            if strip.gray and self._channels > 1:
                pixels = np.repeat(pixels, self._channels, axis=-1)
            shown[name] = pixels
        return shown

    def _frames(self, strip: Strip, wanted: list[int], box: Box) -> Pixels:
        stored = self._cache.load(strip)
        if stored is not None:
            return np.asarray(box.cut(stored)[wanted])
        try:
            return strip.read(wanted, box)
        except DataFormatError as problem:
            raise DataFormatError(f"{problem}; {HINT}") from problem


def _length(clip: Clip) -> int:
    """Return the frames of the shortest window, whose positions stand for those of all."""
    return min(map(len, clip.arrays.values()))


def _size(clip: Clip) -> tuple[int, int]:
    """Return height and width, which all strips of a clip share."""
    strip = next(iter(clip.arrays.values()))
    return strip.height, strip.width
