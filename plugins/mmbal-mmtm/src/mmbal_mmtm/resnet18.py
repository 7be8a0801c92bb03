"""mmtm-resnet18: ResNet-18 branches joined after stages 2, 3 and 4, as Wu et al. train them."""

from collections.abc import Mapping
from typing import Any

import keras

from mmbal.data import Modality
from mmbal.errors import ShapeError
from mmbal.networks import saved_weights_follow, scope_name
from mmbal_backbones import assign_tensors, cut, open_tensors, resnet18
from mmbal_mmtm.layer import FanInUniform
from mmbal_mmtm.network import MMTMNetwork
from mmbal_mmtm.options import ResNetOptions

JOINED = ("layer2.1", "layer3.1", "layer4.1")
"""Layers that an MMTM follows: the ends of the stages."""


def mmtm_resnet18(
    options: ResNetOptions, modalities: Mapping[str, Modality], classes: int
) -> MMTMNetwork:
    """Build one ResNet-18 per modality, joined after `layer2`, `layer3` and `layer4`.

    Source: Wu et al., ICML 2022, the ModelNet40 experiment in the authors' code; branches as
    in torchvision, 11,176,512 variables each and 513 per class.

    Raises:
        ShapeError: a modality is no image of (height, width, channels).
        ConfigError: there are no such weights.
        DataFormatError: the weights do not fit.
    """
    for name, modality in modalities.items():
        if len(modality.shape) != 3:
            raise ShapeError(
                f"mmtm-resnet18 takes (height, width, channels) images, modality {name!r} has "
                f"shape {modality.shape}"
            )
    weights = str(options.weights)
    tensors = None if saved_weights_follow() else open_tensors(weights)
    branches: dict[str, Any] = {}
    for name, modality in modalities.items():
        backbone = resnet18(modality.shape, name)
        head = _head(name, int(backbone.output.shape[-1]), classes)
        if tensors is not None:
            assign_tensors(backbone, head, tensors, weights)
        branches[name] = [*cut(backbone, JOINED).stages, head]
    return MMTMNetwork(branches, options.ratio, options.gate_scale)


def _head(name: str, width: int, classes: int) -> keras.Sequential:
    dense = keras.layers.Dense(
        classes,
        kernel_initializer=FanInUniform(width),
        bias_initializer=FanInUniform(width),
        name="fc",
    )
    layers = [keras.layers.GlobalAveragePooling2D(data_format="channels_last"), dense]
    head = keras.Sequential(layers, name=f"{scope_name(name)}_head")
    head.build((None, None, None, width))
    return head
