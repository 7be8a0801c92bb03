"""Which frames of a window an example shows."""

import numpy as np
from numpy.typing import NDArray

from mmbal_nvgesture.options import NVGestureOptions

Positions = NDArray[np.int64]
BLACK = -1
"""Position of a frame that no window has."""


class Sampler:
    """Positions in windows, from 0.

    Args:
        options: frames, stride and short_window count.
    """

    def __init__(self, options: NVGestureOptions) -> None:
        self._count = options.frames
        self._stride = options.stride
        self._short = options.short_window
        self._span = (options.frames - 1) * options.stride + 1

    def middle(self, length: int) -> Positions:
        """Return the positions around the middle of a window."""
        # Of the two middle ones the earlier: 8 for 64 of 80 frames.
        return self._from((length - self._span) // 2, length)

    def drawn(self, length: int, rng: np.random.Generator) -> Positions:
        """Return positions from a random start on.

        A window that is too short gets a random place among the frames that fill it up.
        """
        room = length - self._span
        return self._from(int(rng.integers(min(room, 0), max(room, 0) + 1)), length)

    def _from(self, start: int, length: int) -> Positions:
        steps = np.arange(self._count, dtype=np.int64)
        if length < self._span and self._short == "tick":
            tick = length / self._count
            return (tick / 2 + tick * steps).astype(np.int64)
        positions = start + steps * self._stride
        inside = (positions >= 0) & (positions < length)
        if self._short == "zero":
            return np.where(inside, positions, BLACK)
        return positions.clip(0, length - 1)


def at_same_times(positions: Positions, length: int, other: int) -> Positions:
    """Return the positions in a window of `other` frames that show the same moments.

    Sensors of another frame rate have windows of another length.

    Args:
        positions: (frames,) in a window of `length`; BLACK stays.
        length: frames of that window.
        other: frames of the other one, which begins and ends with it.
    """
    if length == other:
        return positions
    moved = (2 * positions + 1) * other // (2 * length)
    return np.where(positions == BLACK, BLACK, moved)
