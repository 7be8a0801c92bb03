"""Examples as NumPy arrays: which frames, which crop, from files or from the cache."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmbal_nvgesture.cache import Cache
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.strip import Box, Pixels
from mmbal_nvgesture.survey import Found
from mmbal_nvgesture.window import BLACK, Positions, Sampler, at_same_times

LABEL = "label"


class ClipReader:
    """Reads clips, several threads at a time.

    Args:
        clips: an example each.
        cache: read from where it holds a clip.
        options: of the dataset.
    """

    def __init__(self, clips: Sequence[Found], cache: Cache, options: NVGestureOptions) -> None:
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

    def plain(self, index: NDArray[np.int64]) -> dict[str, NDArray[np.generic] | np.int64]:
        """Return the middle of a clip's window and frames, and its label.

        Args:
            index: (), of the clip.

        Returns:
            By sensor (frames, height, width, channels) uint8, and () int64.

        Raises:
            DataFormatError: a frame cannot be read.
        """
        found = self._clips[int(index)]
        height, width = _size(found)
        box = Box((height - self._crop) // 2, (width - self._crop) // 2, self._crop)
        shown = self._read(found, self._sampler.middle(_length(found)), box)
        return {**shown, LABEL: np.int64(found.clip.label)}

    def varied(
        self, index: NDArray[np.int64], seed: NDArray[np.int64]
    ) -> dict[str, NDArray[np.generic] | np.int64]:
        """Return a random stretch of a clip's window in a random crop.

        Args:
            index: (), of the clip.
            seed: (2,), decides everything that is drawn.

        Returns:
            As `plain`.

        Raises:
            DataFormatError: a frame cannot be read.
        """
        found = self._clips[int(index)]
        rng = np.random.default_rng(seed.astype(np.uint64))
        positions = self._sampler.drawn(_length(found), rng)
        height, width = _size(found)
        top, left = (int(rng.integers(side - self._crop + 1)) for side in (height, width))
        shown = self._read(found, positions, Box(top, left, self._crop))
        label = found.clip.label
        if self._flip and rng.random() < 0.5:
            shown = {name: np.ascontiguousarray(clip[:, :, ::-1]) for name, clip in shown.items()}
            label = self._mirrored.get(label, label)
        return {**shown, LABEL: np.int64(label)}

    def _read(self, found: Found, positions: Positions, box: Box) -> dict[str, Pixels]:
        length = _length(found)
        shown = {}
        for name, strip in found.strips.items():
            own = at_same_times(positions, length, len(strip))
            frames, order = np.unique(own[own != BLACK], return_inverse=True)
            if not len(frames):  # a stride that leaps over a window
                pixels = np.zeros((0, box.side, box.side, strip.shape[-1]), np.uint8)
            else:
                pixels = self._cache.read(strip, frames.tolist(), box)
            if len(order) < len(own) or len(frames) < len(order):
                every = np.zeros((len(own), *pixels.shape[1:]), np.uint8)
                every[own != BLACK] = pixels[order]
                pixels = every
            if strip.gray and self._channels > 1:
                pixels = np.repeat(pixels, self._channels, axis=-1)
            shown[name] = pixels
        return shown


def _length(found: Found) -> int:
    """Return the frames of the shortest window, whose positions stand for those of all."""
    return min(map(len, found.strips.values()))


def _size(found: Found) -> tuple[int, int]:
    """Return height and width, which all strips of a clip share."""
    strip = next(iter(found.strips.values()))
    return strip.height, strip.width


def modality_shapes(options: NVGestureOptions) -> Mapping[str, tuple[int, int, int, int]]:
    """Return (frames, height, width, channels) of an example by sensor."""
    side = options.crop
    return {
        name: (options.frames, side, side, 3 if name == "color" else options.depth_channels)
        for name in options.modalities
    }
