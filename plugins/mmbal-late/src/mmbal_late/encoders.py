"""Makes one encoder per modality, by its shape or from a backbone that the options name."""

from collections.abc import Mapping

import keras

from mmbal.data import Modality
from mmbal.errors import ShapeError
from mmbal.networks import fuse_batch_norm, scope_name
from mmbal_backbones import SHAPES, open_encoder, small_stages
from mmbal_late.options import BranchOptions, LateOptions

POOLING = {2: keras.layers.GlobalAveragePooling1D, 3: keras.layers.GlobalAveragePooling2D}


def make_encoders(
    who: str, options: LateOptions, modalities: Mapping[str, Modality]
) -> dict[str, keras.Sequential]:
    """Return modality to an encoder, from its input to (batch, channels).

    Args:
        who: the architecture, for messages.
        options: of the architecture.
        modalities: name to description.

    Raises:
        ShapeError: no encoder fits a modality's shape.
        ConfigError: a backbone cannot be built, or the options speak of an unknown modality.
    """
    options.check_use(modalities)
    encoders = {}
    for name, modality in modalities.items():
        layers = _layers(who, name, modality.shape, options)
        if options.features is not None:
            layers.append(keras.layers.Dense(options.features))
        if options.dropout:
            layers.append(keras.layers.Dropout(options.dropout))
        encoders[name] = keras.Sequential(layers, name=f"{scope_name(name)}_encoder")
        if options.fuse_batch_norm:
            fuse_batch_norm(encoders[name])
    return encoders


def _layers(
    who: str, name: str, shape: tuple[int, ...], options: LateOptions
) -> list[keras.layers.Layer]:
    own = options.branches.get(name, BranchOptions())
    backbone = own.backbone or options.backbone
    same = options.arguments if backbone == options.backbone else {}
    arguments = {**same, **own.arguments}
    if backbone:
        layers: list[keras.layers.Layer] = open_encoder(backbone, shape, arguments, name)
        return layers
    if len(shape) == 1:
        return [
            keras.layers.Dense(units, activation="relu", kernel_initializer="he_uniform")
            for units in options.units
        ]
    if len(shape) not in POOLING:
        raise ShapeError(
            f"{who} has encoders for {SHAPES}, modality {name!r} has shape {shape}: name a "
            f"backbone for it, architecture.branches.{name}.backbone"
        )
    return [
        *small_stages(name, shape, options.width),
        POOLING[len(shape)](data_format="channels_last"),
    ]
