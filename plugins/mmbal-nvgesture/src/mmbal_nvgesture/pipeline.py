"""From uint8 pixels to what networks read."""

import tensorflow as tf

from mmbal_media import by_imagenet
from mmbal_nvgesture.sensors import SENSORS


def scale(name: str, pixels: tf.Tensor, scaling: str) -> tf.Tensor:
    """Bring the (..., channels) pixels of a sensor to float32 as the option `scaling` says."""
    if scaling == "signed":
        return tf.cast(pixels, tf.float32) / 127.5 - 1
    if scaling == "unit" or SENSORS[name].gray:
        return tf.cast(pixels, tf.float32) / 255
    return by_imagenet(pixels)
