"""From files or cached pixels to tensors; decoding happens while training reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mmbal.data import Examples

# Of ImageNet, as in the published code.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Decoder:
    """PNG bytes -> (height, width, 3) uint8: what Pillow's `convert("RGB")` gives.

    Palettes are looked up, gray becomes three equal channels, transparency is dropped, 16 bits
    are scaled to 8 (which Pillow does not do).

    Args:
        height, width: of the result.
        resized: whether files have another size.
        deep: whether any file has 16 bits per channel.
    """

    def __init__(self, height: int, width: int, *, resized: bool, deep: bool) -> None:
        self.height = height
        self.width = width
        self.resized = resized
        self.deep = deep

    def __call__(self, contents: tf.Tensor) -> tf.Tensor:
        """Decode one file."""
        # TensorFlow widens 8 bits to 16 exactly, by 257.
        image = tf.io.decode_png(contents, 3, tf.uint16 if self.deep else tf.uint8)
        if self.deep or self.resized:
            pixels = tf.cast(image, tf.float32) / (257 if self.deep else 1)
            if self.resized:
                pixels = tf.image.resize(pixels, (self.height, self.width), antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
        return tf.ensure_shape(image, (self.height, self.width, 3))


def from_files(
    paths: Sequence[Sequence[Path]],
    labels: NDArray[np.int64],
    names: Sequence[str],
    decode: Decoder,
) -> Examples:
    """Return examples that are decoded whenever they are read.

    Args:
        paths: [example][view], the PNG files.
        labels: (examples,).
        names: [view], the modalities.
        decode: bytes to pixels.
    """
    table = {name: [str(row[view]) for row in paths] for view, name in enumerate(names)}
    stored = Examples.from_arrays(
        {name: np.array(column, dtype=object) for name, column in table.items()}, labels
    )

    def read(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        files, label = stored.read(index)
        images = {name: decode(tf.io.read_file(file)) for name, file in files.items()}
        return normalise(images), label

    return Examples(len(stored), read)


def from_pixels(
    pixels: dict[str, NDArray[np.uint8]], rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> Examples:
    """Return examples that stand decoded in (memory-mapped) arrays.

    Args:
        pixels: modality to (objects, height, width, 3); writable arrays, as DLPack asks.
        rows: (examples,), which objects.
        labels: (examples,).
    """
    # By DLPack a tensor shares the array's memory; TensorFlow's own conversion copies.
    images = {
        name: tf.experimental.dlpack.from_dlpack(array.__dlpack__())
        for name, array in pixels.items()
    }
    with tf.device("CPU"):
        positions, classes = tf.convert_to_tensor(rows), tf.convert_to_tensor(labels)

    def read(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        row = tf.gather(positions, index)
        chosen = {name: tf.gather(image, row) for name, image in images.items()}
        return normalise(chosen), tf.gather(classes, index)

    return Examples(len(rows), read)


def normalise(images: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scale (..., 3) uint8 pixels to float32 by the mean and deviation of ImageNet."""
    return {
        name: (tf.cast(image, tf.float32) / 255 - MEAN) / DEVIATION
        for name, image in images.items()
    }


def flip(
    inputs: dict[str, tf.Tensor], label: tf.Tensor, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Mirror every view left to right with probability 1/2, independently of the others."""
    draws = tf.unstack(tf.random.stateless_uniform([len(inputs)], seed, alg="philox"))
    mirrored = {
        name: tf.cond(draw < 0.5, lambda image=image: image[:, ::-1], lambda image=image: image)
        for (name, image), draw in zip(inputs.items(), draws, strict=True)
    }
    return mirrored, label
