"""Small convolutional branches for 28 x 28 images, after Kim et al. (CVPR 2019)."""

from collections.abc import Iterator
from typing import Any

import keras

from mmbal.networks import BatchNormalization, scope_name


def convolution_stages(name: str, width: int = 32) -> Iterator[keras.Sequential]:
    """Yield the three stages of an image's branch, each made when it is asked for.

    Args:
        name: of the modality.
        width: channels of the first two convolutions; the other two have twice as many.
    """
    layers = keras.layers
    first = [
        BatchNormalization(momentum=0.9, epsilon=1e-5),
        _convolution(width, 5, padding="same"),
        # Strided layers pad both sides by hand: "same" would pad one side and shift the image.
        layers.ZeroPadding2D(1, data_format="channels_last"),
        layers.MaxPooling2D(3, 2, data_format="channels_last"),
        _convolution(width, 3, padding="same"),
    ]
    yield keras.Sequential(first, name=f"{scope_name(name)}_stage_0")
    third = [
        layers.ZeroPadding2D(1, data_format="channels_last"),
        _convolution(2 * width, 3, strides=2),
    ]
    yield keras.Sequential(third, name=f"{scope_name(name)}_stage_1")
    fourth = [_convolution(2 * width, 3, padding="same")]
    yield keras.Sequential(fourth, name=f"{scope_name(name)}_stage_2")


def _convolution(filters: int, size: int, **options: Any) -> keras.layers.Conv2D:
    # The gates halve the signal at every module, so it must enter at He's scale to be learned.
    return keras.layers.Conv2D(
        filters,
        size,
        activation="relu",
        kernel_initializer="he_uniform",
        **options,
        data_format="channels_last",
    )
