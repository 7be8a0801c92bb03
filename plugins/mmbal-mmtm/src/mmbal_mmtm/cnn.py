"""mmtm-cnn: small convolutional branches for 28 x 28 images, after Kim et al. (CVPR 2019)."""

from collections.abc import Mapping

import keras

from mmbal.data import Modality
from mmbal.errors import ShapeError
from mmbal.networks import scope_name
from mmbal_backbones import convolution_stages
from mmbal_mmtm.network import MMTMNetwork
from mmbal_mmtm.options import MMTMOptions


def mmtm_cnn(options: MMTMOptions, modalities: Mapping[str, Modality], classes: int) -> MMTMNetwork:
    """Build one four-convolution branch per modality, joined after convolutions 2, 3 and 4.

    Raises:
        ShapeError: a modality is no image of (height, width, channels).
    """
    for name, modality in modalities.items():
        if len(modality.shape) != 3:
            raise ShapeError(
                f"mmtm-cnn takes (height, width, channels) images, modality {name!r} has shape "
                f"{modality.shape}"
            )
    branches = {name: _branch(name, classes) for name in modalities}
    return MMTMNetwork(branches, options.ratio, options.gate_scale)


def _branch(name: str, classes: int) -> list[keras.layers.Layer]:
    """Return three stages and a head; 66,156 variables for gray images, 67,760 for color."""
    stages = convolution_stages(name)
    early = [next(stages), next(stages)]
    # Layers draw the seeds of their initial values in the order in which they are made: made
    # after the last stage, the head would give a seed's runs other numbers than it ever gave.
    head = [
        keras.layers.GlobalAveragePooling2D(data_format="channels_last"),
        keras.layers.Dense(classes),
    ]
    return [*early, *stages, keras.Sequential(head, name=f"{scope_name(name)}_head")]
