"""Colours of digits: the protocol of Kim et al. 2019, "Learning Not to Learn".

In training the mean colour follows the label; in testing it is drawn independently of it.
The colour of one image is a draw from a normal distribution around that mean.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return the random generator of one purpose: streams of one seed are independent."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream])))


def draw_colours(
    indices: NDArray[np.integer[Any]],
    palette: Sequence[Sequence[int]],
    variance: float,
    rule: str,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw one colour per example around the palette's colour of its index.

    Args:
        indices: (examples,), rows of the palette.
        palette: (10, 3), RGB in 0..255.
        variance: of each channel, on a scale of 0..1.
        rule: "reject" draws a channel again until it lies inside 0..1, "clip" moves it there.
        rng: the only source of randomness.

    Returns:
        (examples, 3), RGB in 0..1.
    """
    means = (np.asarray(palette, np.float64) / 255)[indices]
    deviation = np.sqrt(variance)
    colours: NDArray[np.float64] = rng.normal(means, deviation)
    if rule == "clip":
        return np.clip(colours, 0, 1).astype(np.float32)
    outside = (colours <= 0) | (colours >= 1)
    while outside.any():
        colours[outside] = rng.normal(means[outside], deviation)
        outside = (colours <= 0) | (colours >= 1)
    return colours.astype(np.float32)


def nearest_colour(colours: Floats, palette: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """Return for each of (examples, 3) colours in 0..1 the row of the nearest palette colour."""
    means = np.asarray(palette, np.float64) / 255
    distances = np.square(colours[:, None, :] - means[None, :, :]).sum(axis=2)
    nearest: NDArray[np.intp] = distances.argmin(axis=1)
    return nearest


def apparent_colours(images: NDArray[np.uint8], coloured: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the colour in 0..1 of each coloured image: its light per light of the gray one.

    Args:
        images: (examples, height, width), gray levels.
        coloured: (examples, height, width, 3), the same images in colour.
    """
    light = images.sum(axis=(1, 2), dtype=np.float64)
    coloured_light: NDArray[np.float64] = coloured.sum(axis=(1, 2), dtype=np.float64)
    coloured_light /= np.maximum(light, 1)[:, None]
    return coloured_light
