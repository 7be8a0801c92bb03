"""From PNG files to pixels, and what training does with them."""

import tensorflow as tf


def decode_png(contents: tf.Tensor, side: int | None, *, deep: bool) -> tf.Tensor:
    """PNG bytes -> (height, width, 3) uint8: what Pillow's `convert("RGB")` gives.

    Palettes are looked up, gray becomes three equal channels, transparency is dropped, 16 bits
    are scaled to 8 (which Pillow does not do).

    Args:
        contents: of the file.
        side: height and width of the result; None for the file's own.
        deep: whether the file has 16 bits per channel.
    """
    # TensorFlow widens 8 bits to 16 exactly, by 257.
    image = tf.io.decode_png(contents, 3, tf.uint16 if deep else tf.uint8)
    if side or deep:
        pixels = tf.cast(image, tf.float32) / (257 if deep else 1)
        if side:
            pixels = tf.image.resize(pixels, (side, side), antialias=True)
        image = tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
    return image


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
