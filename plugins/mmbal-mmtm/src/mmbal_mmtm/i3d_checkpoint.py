"""Weights of DeepMind's I3D, from a TensorFlow checkpoint, into its Keras twin.

The files are those of google-deepmind/kinetics-i3d. Their tensors are named after the scopes of
that code: `RGB/inception_i3d/` or `Flow/inception_i3d/` (the one of 600 classes has no such
prefix), then the layer as `i3d_network` names it, with slashes where Keras allows points only.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mmbal import ConfigError, DataFormatError
from mmbal.errors import first_line
from mmbal_mmtm.checkpoint_path import find_checkpoint
from mmbal_mmtm.i3d_network import FIRST, LOGITS, Shape

KERNEL = f"{FIRST}/conv_3d/w"
LOGIT_KERNEL, LOGIT_BIAS = (f"{LOGITS.replace('.', '/')}/conv_3d/{part}" for part in "wb")
PREFIXES = ("RGB/inception_i3d/", "Flow/inception_i3d/")
SLOT = "/Momentum"
"""Ending of what the authors' optimizer kept beside every variable."""
KINDS = {3: "RGB", 2: "Flow"}
"""Kind of a checkpoint by the channels that it takes."""
UNREADABLE = (tf.errors.OpError, IndexError, RuntimeError, ValueError)
"""What TensorFlow raises, as it comes to a damage: IndexError where a file ends too early."""


class Checkpoint(NamedTuple):
    """An open checkpoint.

    Attributes:
        path: up to the endings of its files.
        prefix: of all names in the files.
        shapes: of the tensors, by name without the prefix; no slots of an optimizer.
        reader: TensorFlow's.
    """

    path: str
    prefix: str
    shapes: dict[str, Shape]
    reader: Any

    def read(self, name: str) -> np.ndarray:
        """Return a tensor as the network holds it.

        Raises:
            DataFormatError: the data are missing or damaged.
        """
        try:
            tensor = self.reader.get_tensor(self.prefix + name)
        except UNREADABLE as error:
            raise DataFormatError(
                f"{self.path}: cannot read {self.prefix + name}: {first_line(error, typed=False)}"
            ) from error
        return np.reshape(tensor, self.shapes[name])


def open_checkpoint(weights: str, option: str = "architecture.weights") -> Checkpoint | None:
    """Open a checkpoint and read its index; None for "random".

    Args:
        weights: "random", or the path of the checkpoint, with or without ".index".
        option: names the option in messages.

    Raises:
        ConfigError: there is no such file.
        DataFormatError: it is no checkpoint, or its index is damaged.
    """
    path = find_checkpoint(weights, option)
    if not path:
        return None
    try:
        reader = tf.train.load_checkpoint(path)
        found = reader.get_variable_to_shape_map()
    except UNREADABLE as error:
        raise DataFormatError(
            f"{path}.index: no readable TensorFlow checkpoint: {first_line(error, typed=False)}"
        ) from error
    prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in found)), "")
    shapes = {
        name.removeprefix(prefix): _squeezed(tuple(shape))
        for name, shape in sorted(found.items())
        if not name.endswith(SLOT)
    }
    return Checkpoint(path, prefix, shapes, reader)


def assign(backbone: keras.Model, head: keras.Model, checkpoint: Checkpoint, modality: str) -> None:
    """Set the variables of an I3D; the classifier keeps its own if it has other classes.

    A first convolution of one channel gets the sum over a checkpoint's red, green and blue: it
    then treats depth as it would three equal channels.

    Args:
        backbone: made by `i3d`.
        head: made by `classifier`.
        checkpoint: what to fill them with.
        modality: names the branch in messages.

    Raises:
        ConfigError: the checkpoint takes clips of other channels.
        DataFormatError: tensors are missing, of other shapes or left over; lists them all.
    """
    wanted, given = _by_name([*backbone.layers, *head.layers]), dict(checkpoint.shapes)
    sums = _sums_colors(wanted[KERNEL].shape[3], given.get(KERNEL, ()), checkpoint, modality)
    if LOGIT_BIAS in given and given[LOGIT_BIAS] != tuple(wanted[LOGIT_BIAS].shape):
        for name in (LOGIT_KERNEL, LOGIT_BIAS):
            wanted.pop(name)
            given.pop(name, None)
    if sums:
        given[KERNEL] = (*given[KERNEL][:3], 1, given[KERNEL][4])
    problems = _mismatches(wanted, given)
    if problems:
        raise DataFormatError(f"{checkpoint.path} does not fit I3D: {'; '.join(problems)}")
    values = {name: checkpoint.read(name) for name in wanted}
    if sums:
        values[KERNEL] = values[KERNEL].sum(axis=3, keepdims=True)
    for name, variable in wanted.items():
        variable.assign(values[name])


def _sums_colors(channels: int, kernel: Shape, checkpoint: Checkpoint, modality: str) -> bool:
    """Return whether a clip of one channel meets kernels of three; other channels must agree."""
    if len(kernel) != 5 or kernel[3] == channels:
        return False
    if channels == 1 and kernel[3] == 3:
        return True
    kind = KINDS.get(kernel[3])
    legal = f"{kernel[3]} channels" + (", or 1, which meets their sum" if kernel[3] == 3 else "")
    hint = "; 2 channels need a Flow checkpoint" if channels == 2 else ""
    raise ConfigError(
        f"modality {modality!r} has {channels} channels, but the weights of {checkpoint.path}"
        f"{f' ({kind})' if kind else ''} take {legal}{hint}"
    )


def _mismatches(wanted: Mapping[str, keras.Variable], given: Mapping[str, Shape]) -> list[str]:
    """Return what keeps tensors from filling the variables, one line each."""
    problems = [f"{name} is missing" for name in wanted if name not in given]
    problems += [f"{name} is not part of an I3D" for name in given if name not in wanted]
    return problems + [
        f"{name} must be {tuple(variable.shape)}, is {given[name]}"
        for name, variable in wanted.items()
        if name in given and given[name] != tuple(variable.shape)
    ]


def _by_name(layers: list[keras.layers.Layer]) -> dict[str, keras.Variable]:
    """Return the variables by their names in a checkpoint, without a prefix."""
    found: dict[str, keras.Variable] = {}
    for layer in layers:
        name = layer.name.replace(".", "/")
        if isinstance(layer, keras.layers.BatchNormalization):
            for part in ("beta", "moving_mean", "moving_variance"):
                found[f"{name}/{part}"] = getattr(layer, part)
        elif isinstance(layer, keras.layers.Conv3D):
            found[f"{name}/w"] = layer.kernel
            if layer.bias is not None:
                found[f"{name}/b"] = layer.bias
    return found


def _squeezed(shape: Shape) -> Shape:
    """Return (channels,) for (1, 1, 1, 1, channels), as some files hold their vectors."""
    return shape[4:] if len(shape) == 5 and set(shape[:4]) == {1} else shape
