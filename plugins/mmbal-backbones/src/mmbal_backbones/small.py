"""Small encoders by what an example is: a vector, a series or an image."""

from collections.abc import Iterator

import keras

from mmbal.errors import ShapeError
from mmbal.networks import BatchNormalization, scope_name
from mmbal_backbones.convolutions import convolution_stages

STAGES = 3
"""Stages of every small encoder."""
SHAPES = "(features,) vectors, (time, channels) series and (height, width, channels) images"


def small_stages(name: str, shape: tuple[int, ...], width: int = 32) -> Iterator[keras.Sequential]:
    """Yield three stages that fit a shape, each made when it is asked for.

    The last ends in 2 x `width` channels; a series or an image keeps its axes of time or space,
    a quarter as long.

    Args:
        name: of the modality.
        shape: of one example, without the batch.
        width: channels, or units, of the first stage.

    Raises:
        ShapeError: examples of this shape are neither vectors, series nor images.
    """
    stages = {1: _dense_stages, 2: _series_stages, 3: convolution_stages}.get(len(shape))
    if stages is None:
        raise ShapeError(
            f"there are small encoders of {SHAPES}, modality {name!r} has shape {shape}"
        )
    return stages(name, width)


def small(shape: tuple[int, ...], width: int = 32) -> keras.Model:
    """Return the three stages as one functional model, the backbone "small".

    Its layers, to cut after, are small_stage_0, small_stage_1 and small_stage_2.

    Args:
        shape: of one example, without the batch.
        width: as of `small_stages`.

    Raises:
        ShapeError: as of `small_stages`.
    """
    example = output = keras.Input(shape)
    for stage in small_stages("small", shape, width):
        output = stage(output)
    return keras.Model(example, output, name="small")


def _dense_stages(name: str, width: int) -> Iterator[keras.Sequential]:
    for number, units in enumerate((width, 2 * width, 2 * width)):
        dense = keras.layers.Dense(units, activation="relu", kernel_initializer="he_uniform")
        yield keras.Sequential([dense], name=f"{scope_name(name)}_stage_{number}")


def _series_stages(name: str, width: int) -> Iterator[keras.Sequential]:
    """Yield the stages of `convolution_stages` with time in place of height and width."""
    layers = keras.layers
    first = [
        BatchNormalization(momentum=0.9, epsilon=1e-5),
        _convolution(width, 5),
        layers.MaxPooling1D(3, 2, padding="same", data_format="channels_last"),
        _convolution(width, 3),
    ]
    yield keras.Sequential(first, name=f"{scope_name(name)}_stage_0")
    yield keras.Sequential(
        [_convolution(2 * width, 3, strides=2)], name=f"{scope_name(name)}_stage_1"
    )
    yield keras.Sequential([_convolution(2 * width, 3)], name=f"{scope_name(name)}_stage_2")


def _convolution(filters: int, size: int, strides: int = 1) -> keras.layers.Conv1D:
    return keras.layers.Conv1D(
        filters,
        size,
        strides=strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_uniform",
        data_format="channels_last",
    )
