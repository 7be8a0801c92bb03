"""Finds a backbone by name: of keras.applications, of KerasHub, or a function of the user's."""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import keras

from mmbal import ConfigError
from mmbal.errors import refused, unknown
from mmbal_backbones.cutting import CutError, only_output
from mmbal_backbones.pooling import pooling_of
from mmbal_backbones.resnet import resnet18
from mmbal_backbones.small import small

HUB = "keras_hub:"
OURS = {"small": small, "resnet18": resnet18}


def open_backbone(
    backbone: str, shape: tuple[int, ...], arguments: Mapping[str, Any]
) -> keras.Model:
    """Build a backbone without its classifier; weights are random unless `arguments` ask.

    Args:
        backbone: "small", "resnet18", a name in `keras.applications`, "keras_hub:PRESET", or
            "package.module:function", a function of the input shape.
        shape: of one example.
        arguments: passed on.

    Raises:
        ConfigError: there is no such backbone, or it refuses the shape or an argument.
    """
    build = _find(backbone)
    try:
        model = build(shape, **arguments)
    except OSError as error:  # of files that it wants to write or download
        raise ConfigError(f"backbone {backbone!r} cannot be built: {refused(error)}") from error
    except (TypeError, ValueError, ImportError) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ConfigError(
            f"backbone {backbone!r} refuses inputs of shape {shape} with {dict(arguments)}: {first}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"backbone {backbone!r} must return a keras.Model, returned {type(model).__name__}"
        )
    return model


def open_encoder(
    backbone: str, shape: tuple[int, ...], arguments: Mapping[str, Any], name: str
) -> list[keras.layers.Layer]:
    """Build a backbone and what averages its output to (batch, channels).

    Args:
        backbone: as of `open_backbone`.
        shape: as of `open_backbone`.
        arguments: as of `open_backbone`.
        name: of the modality, for messages.

    Raises:
        ConfigError: as of `open_backbone`; or it has several inputs or outputs, or no channels.
    """
    model = open_backbone(backbone, shape, arguments)
    try:
        return [model, *pooling_of(only_output(model), name)]
    except CutError as error:
        raise ConfigError(f"backbone {backbone!r}: {error}") from error


def _find(backbone: str) -> Any:
    """Return a function of the input shape."""
    if backbone in OURS:
        return OURS[backbone]
    if backbone.startswith(HUB):
        return _of_hub(backbone.removeprefix(HUB))
    if ":" in backbone:
        try:
            return resolve_name(backbone)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(f"backbone {backbone!r} cannot be imported: {error}") from error
    applications = {
        name: value
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and "include_top" in inspect.signature(value).parameters
    }
    if backbone not in applications:
        raise ConfigError(
            f"{unknown('backbone', backbone, [*OURS, *applications])}; beside these, "
            f"{HUB}PRESET and package.module:function"
        )

    def build(shape: tuple[int, ...], **arguments: Any) -> keras.Model:
        fixed = {"include_top": False, "weights": None, "input_shape": shape}
        return applications[backbone](**fixed | arguments)

    return build


def _of_hub(preset: str) -> Any:
    try:
        from keras_hub.models import Backbone
    except ImportError as error:
        raise ConfigError(
            f"backbone '{HUB}{preset}' needs KerasHub, which is not installed: "
            "pip install keras-hub"
        ) from error

    def build(shape: tuple[int, ...], **arguments: Any) -> keras.Model:
        # A preset may be a folder; by name KerasHub downloads it, weights only if asked for.
        fixed = {"load_weights": False, "image_shape": shape}
        place = str(Path(preset).expanduser()) if preset.startswith("~") else preset
        return Backbone.from_preset(place, **fixed | arguments)

    return build


def names_when_fresh(model: keras.Model) -> dict[str, str]:
    """Map the names that a model's layers have in a new process to those they have here.

    Keras numbers layers that were given no name through all models of a process, so that
    the second InceptionV3 has other names than the first.
    """
    numbered: dict[str, dict[int, str]] = {}
    for operation in model.operations:
        name = operation.name
        stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()  # type: ignore[union-attr]
        if stem == _automatic_name(type(operation).__name__):
            numbered.setdefault(stem, {})[int(number or 0)] = name
    names = {}
    for stem, found in numbered.items():
        first = min(found)
        for number, name in found.items():
            names[f"{stem}_{number - first}" if number > first else stem] = name
    return names


def _automatic_name(kind: str) -> str:
    """Return what Keras calls an unnamed layer of a class: `Conv2D` is conv2d."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
