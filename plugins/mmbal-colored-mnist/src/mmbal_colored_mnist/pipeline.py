"""From gray images, colours and labels to tensors; colouring happens while training reads."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mmbal.data import Examples

GRAY_MEAN, GRAY_DEVIATION = 0.1307, 0.3081
COLOUR_MEAN = (0.4914, 0.4822, 0.4465)
COLOUR_DEVIATION = (0.2023, 0.1994, 0.2010)


def examples(
    images: NDArray[np.uint8],
    colours: NDArray[np.float32] | NDArray[np.uint8],
    labels: NDArray[np.int64],
) -> Examples:
    """Return the examples `({"gray", "color"}, label)`, normalised to float32.

    Memory holds one byte per gray pixel; a coloured image exists only while it is in use.

    Args:
        images: (examples, height, width), gray levels.
        colours: (examples, 3), RGB in 0..1, or finished (examples, height, width, 3) images.
        labels: (examples,).
    """
    stored = Examples.from_arrays({"image": images, "colour": colours}, labels)
    finish = _colour if colours.ndim == 2 else _normalise

    def read(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        parts, label = stored.read(index)
        return finish(parts["image"], parts["colour"], label)

    return Examples(len(stored), read, labels=stored.labels)


def _colour(
    image: tf.Tensor, colour: tf.Tensor, label: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    # The published images are stored as bytes, which drops the fraction: so does floor.
    return _normalise(image, tf.floor(tf.cast(image, tf.float32)[..., None] * colour), label)


def _normalise(
    image: tf.Tensor, coloured: tf.Tensor, label: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    gray = tf.cast(image, tf.float32)[..., None] / 255
    color = tf.cast(coloured, tf.float32) / 255
    inputs = {
        "gray": (gray - GRAY_MEAN) / GRAY_DEVIATION,
        "color": (color - COLOUR_MEAN) / COLOUR_DEVIATION,
    }
    return inputs, label
