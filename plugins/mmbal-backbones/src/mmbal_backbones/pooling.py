"""What averages the output of a backbone over space and time."""

from typing import Any

import keras

from mmbal_backbones.cutting import CutError

POOLING: dict[int, Any] = {
    3: keras.layers.GlobalAveragePooling1D,
    4: keras.layers.GlobalAveragePooling2D,
    5: keras.layers.GlobalAveragePooling3D,
}


def pooling_of(tensor: Any, name: str) -> list[keras.layers.Layer]:
    """Return the layer that averages a model's output over space and time, none for vectors.

    Raises:
        CutError: the output, called `name`, has no channels or too many axes.
    """
    check_output(tensor, name)
    pooling = POOLING.get(len(tensor.shape))
    return [pooling(data_format="channels_last")] if pooling else []


def check_output(tensor: Any, name: str) -> None:
    """Check that an output has known channels, behind the axes of space and time.

    Raises:
        CutError: the output, called `name`, has no channels or too many axes.
    """
    rank = len(tensor.shape)
    if rank < 2 or rank > 5 or tensor.shape[-1] is None:
        raise CutError(
            f"{name!r} must end in (batch, channels), (batch, time, channels) or (batch, height, "
            f"width, channels) with known channels, but its output is {tuple(tensor.shape)}"
        )
