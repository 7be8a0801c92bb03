"""Makes one encoder per modality, by its shape or from a backbone that the options name."""

from collections.abc import Mapping

import keras

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.errors import unknown
from mmbal.networks import fuse_batch_norm
from mmbal_backbones import convolution_stages, open_encoder
from mmbal_late.options import BranchOptions, LateOptions


def make_encoders(
    who: str, options: LateOptions, modalities: Mapping[str, Modality]
) -> dict[str, keras.Sequential]:
    """Return modality to an encoder, from its input to (batch, channels).

    Args:
        who: the architecture, for messages.
        options: of the architecture.
        modalities: name to description.

    Raises:
        ConfigError: no encoder fits a modality's shape, a backbone cannot be built, or the
            options speak of a modality or of arguments that nothing has.
    """
    for name in options.branches:
        if name not in modalities:
            raise ConfigError(f"architecture.branches: {unknown('modality', name, modalities)}")
    encoders = {}
    for name, modality in modalities.items():
        layers = _layers(who, name, modality.shape, options)
        if options.features is not None:
            layers.append(keras.layers.Dense(options.features))
        if options.dropout:
            layers.append(keras.layers.Dropout(options.dropout))
        encoders[name] = keras.Sequential(layers, name=f"{name}_encoder")
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
        return open_encoder(backbone, shape, arguments, name)
    if arguments:
        raise ConfigError(
            f"{who}: architecture.arguments are of a backbone, and modality {name!r} has none: "
            f"received {arguments}"
        )
    if len(shape) == 3:
        return [*convolution_stages(name, options.width), keras.layers.GlobalAveragePooling2D()]
    if len(shape) == 1:
        return [
            keras.layers.Dense(units, activation="relu", kernel_initializer="he_uniform")
            for units in options.units
        ]
    raise ConfigError(
        f"{who} has encoders for (height, width, channels) images and for (features,) vectors, "
        f"modality {name!r} has shape {shape}: name a backbone for it, "
        f"architecture.branches.{name}.backbone"
    )
