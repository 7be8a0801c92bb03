"""Small digits drawn here, for samples that need no data: 7 rows of 5 pixels each."""

import numpy as np
from numpy.typing import NDArray

from mmbal_colored_mnist.images import GrayImages

GLYPHS = (
    ".###. #...# #..## #.#.# ##..# #...# .###.",
    "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    ".###. #...# ....# ...#. ..#.. .#... #####",
    ".###. #...# ....# ..##. ....# #...# .###.",
    "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "##### #.... ####. ....# ....# #...# .###.",
    "..##. .#... #.... ####. #...# #...# .###.",
    "##### ....# ...#. ..#.. .#... .#... .#...",
    ".###. #...# #...# .###. #...# #...# .###.",
    ".###. #...# #...# .#### ....# ...#. .##..",
)


def draw_digits(count: int, side: int, rng: np.random.Generator) -> GrayImages:
    """Draw `count` digits of all labels in turn, each at its own place, brightness and noise.

    Args:
        count: how many; they come in random order.
        side: height and width in pixels, at least 8.
        rng: the only source of randomness.
    """
    scale = max(side // 9, 1)
    labels = rng.permutation(np.arange(count) % 10)
    images = np.zeros((count, side, side), np.float64)
    for image, label in zip(images, labels, strict=True):
        glyph = np.kron(_bitmap(int(label)), np.ones((scale, scale)))
        height, width = glyph.shape
        top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
        ink = rng.uniform(0.6, 1.0) - rng.uniform(0, 0.2, glyph.shape)
        image[top : top + height, left : left + width] = glyph * ink
    return GrayImages(np.rint(images * 255).astype(np.uint8), labels.astype(np.int64))


def _bitmap(label: int) -> NDArray[np.float64]:
    rows = GLYPHS[label].split()
    return np.array([[float(pixel == "#") for pixel in row] for row in rows])
