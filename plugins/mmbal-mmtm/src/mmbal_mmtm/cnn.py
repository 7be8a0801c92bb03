"""mmtm-cnn: small convolutional branches for 28 x 28 images, after Kim et al. (CVPR 2019)."""

from collections.abc import Iterator, Mapping
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
    stages = make_stages(name)
    early = [next(stages), next(stages)]
    # Layers draw the seeds of their initial values in the order in which they are made: made
    # after the last stage, the head would give a seed's runs other numbers than it ever gave.
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes)]
    return [*early, *stages, keras.Sequential(head, name=f"{name}_head")]


def make_stages(name: str, width: int = 32) -> Iterator[keras.Sequential]:
    """Yield the three stages of an image's branch, each made when it is asked for.

    Args:
        name: of the modality.
        width: channels of the first two convolutions; the other two have twice as many.
    """
    layers = keras.layers
    first = [
        layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
        # Strided layers pad both sides by hand: "same" would pad one side and shift the image.
        layers.ZeroPadding2D(2),
        _convolution(width, 5),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, 2),
        _convolution(width, 3, padding="same"),
    ]
    yield keras.Sequential(first, name=f"{name}_stage_0")
    third = [layers.ZeroPadding2D(1), _convolution(2 * width, 3, strides=2)]
    yield keras.Sequential(third, name=f"{name}_stage_1")
    fourth = [_convolution(2 * width, 3, padding="same")]
    yield keras.Sequential(fourth, name=f"{name}_stage_2")


def _convolution(filters: int, size: int, **options: Any) -> keras.layers.Conv2D:
    # The gates halve the signal at every module, so it must enter at He's scale to be learned.
    return keras.layers.Conv2D(
        filters, size, activation="relu", kernel_initializer="he_uniform", **options
    )
