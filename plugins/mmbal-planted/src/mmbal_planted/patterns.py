"""Patterns whose signs carry bits: waves, orthogonal to each other and equally strong."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from mmbal_planted.options import Rendering


def patterns(rendering: Rendering, size: int, slowest: int, count: int) -> NDArray[np.float32]:
    """Return the slowest patterns that are allowed, of mean square 1.

    Along every axis a pattern has an odd number of half waves, or does not change. So its sign
    shows in slopes and corners, which a network that averages over time or space still sees; with
    whole waves a pattern and its negative would be the same but for a shift.

    Args:
        rendering: an image's patterns are gratings and their products.
        size: values along an axis.
        slowest: whole waves, beside half a wave, along one axis at least.
        count: how many.

    Returns:
        (pattern, *the shape of an example).
    """
    axes = 2 if rendering == "image" else 1
    legal = [0, *range(1, size, 2)]
    waves = [each for each in product(legal, repeat=axes) if max(each) > 2 * slowest]
    waves.sort(key=lambda each: (sum(k * k for k in each), each))
    angles = np.pi * (np.arange(size) + 0.5) / size
    made = []
    for each in waves[:count]:
        along = [np.cos(k * angles) * (np.sqrt(2) if k else 1) for k in each]
        made.append(along[0] if axes == 1 else np.multiply.outer(*along))
    whole = np.array(made, np.float32).reshape(count, *[size] * axes)
    return whole if rendering == "vector" else whole[..., np.newaxis]
