"""mmtm-cnn: small convolutional branches for 28 x 28 images, after Kim et al. (CVPR 2019)."""

from collections.abc import Mapping
from typing import Any

import keras

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal_mmtm.network import MMTMNetwork
from mmbal_mmtm.options import MMTMOptions


def mmtm_cnn(options: MMTMOptions, modalities: Mapping[str, Modality], classes: int) -> MMTMNetwork:
    """Build one four-convolution branch per modality, joined after convolutions 2, 3 and 4.

    Raises:
        ConfigError: a modality is no image of (height, width, channels).
    """
    for name, modality in modalities.items():
        if len(modality.shape) != 3:
            raise ConfigError(
                f"mmtm-cnn takes (height, width, channels) images, modality {name!r} has shape "
                f"{modality.shape}"
            )
    branches = {name: _branch(name, classes) for name in modalities}
    return MMTMNetwork(branches, options.ratio, options.gate_scale)


def _branch(name: str, classes: int) -> list[keras.layers.Layer]:
    """Return three stages and a head; 66,156 variables for gray images, 67,760 for color."""
    layers = keras.layers
    first = [
        layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
        # Strided layers pad both sides by hand: "same" would pad one side and shift the image.
        layers.ZeroPadding2D(2),
        _convolution(32, 5),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, 2),
        _convolution(32, 3, padding="same"),
    ]
    third = [layers.ZeroPadding2D(1), _convolution(64, 3, strides=2)]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(classes)]
    return [
        keras.Sequential(first, name=f"{name}_stage_0"),
        keras.Sequential(third, name=f"{name}_stage_1"),
        keras.Sequential([_convolution(64, 3, padding="same")], name=f"{name}_stage_2"),
        keras.Sequential(head, name=f"{name}_head"),
    ]


def _convolution(filters: int, size: int, **options: Any) -> keras.layers.Conv2D:
    # The gates halve the signal at every module, so it must enter at He's scale to be learned.
    return keras.layers.Conv2D(
        filters, size, activation="relu", kernel_initializer="he_uniform", **options
    )
