"""I3D: Inception-v1 inflated from images to clips."""

from typing import Any

import keras
import tensorflow as tf

from mmbal import ConfigError
from mmbal.errors import ShapeError
from mmbal.networks import BatchNormalization, scope_name

Shape = tuple[int, ...]

POOLS: dict[str, tuple[Shape, Shape]] = {
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
"""Modules before which a clip is made smaller: window and stride of (time, height, width)."""
POOL_NAMES = {
    "Mixed_3b": "MaxPool3d_3a_3x3",
    "Mixed_4b": "MaxPool3d_4a_3x3",
    "Mixed_5b": "MaxPool3d_5a_2x2",
}
MODULES: dict[str, tuple[int, Shape, Shape, int]] = {
    "Mixed_3b": (64, (96, 128), (16, 32), 32),
    "Mixed_3c": (128, (128, 192), (32, 96), 64),
    "Mixed_4b": (192, (96, 208), (16, 48), 64),
    "Mixed_4c": (160, (112, 224), (24, 64), 64),
    "Mixed_4d": (128, (128, 256), (24, 64), 64),
    "Mixed_4e": (112, (144, 288), (32, 64), 64),
    "Mixed_4f": (256, (160, 320), (32, 128), 128),
    "Mixed_5b": (256, (160, 320), (32, 128), 128),
    "Mixed_5c": (384, (192, 384), (48, 128), 128),
}
"""Inception modules and the channels of their four branches."""
FIRST = "Conv3d_1a_7x7"
LOGITS = "Logits.Conv3d_0c_1x1"
FEWEST_FRAMES = 9
"""Time is divided by 8, rounded up, and the classifier averages over two of what is left."""


def check_clip(name: str, shape: Shape) -> None:
    """Check that a clip is long enough for I3D.

    Args:
        name: of the modality.
        shape: (time, height, width, channels) of a clip.

    Raises:
        ConfigError: it is no clip, or a side is shorter than the least legal one.
    """
    if len(shape) != 4:
        raise ShapeError(
            f"mmtm-i3d takes (time, height, width, channels) clips, modality {name!r} has shape "
            f"{shape}"
        )
    least = (FEWEST_FRAMES, 1, 1, 1)
    if any(side < smallest for side, smallest in zip(shape, least, strict=True)):
        frames, height, width, channels = shape
        raise ConfigError(
            f"mmtm-i3d needs clips of at least {FEWEST_FRAMES} frames of 1 x 1 pixels, modality "
            f"{name!r} has {frames} frames of {height} x {width} pixels, {channels} channels"
        )


def check_precision() -> None:
    """Check that TensorFlow can compute an I3D in the precision of new layers.

    Raises:
        ConfigError: it cannot.
    """
    computed = keras.config.dtype_policy().compute_dtype
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if computed == "float64" or (computed == "float16" and not on_gpu):
        raise ConfigError(
            "mmtm-i3d needs precision float32 or mixed_bfloat16, or mixed_float16 on a GPU: "
            f"TensorFlow pools no clips in {computed}{'' if on_gpu else ' on a CPU'}"
        )


def i3d(shape: Shape, momentum: float = 0.9, name: str = "i3d") -> keras.Model:
    """Return I3D without its classifier: clips to maps of (batch, time / 8, h / 32, w / 32, 1024).

    Source: Carreira and Zisserman, Quo Vadis, Action Recognition?, CVPR 2017, arXiv 1705.07750,
    figure 3, with the numbers and names of the authors' code: "Mixed_4c" is the output of the
    module of that name. Sizes are rounded up; "same" padding is the original's.

    Args:
        shape: (time, height, width, channels) of a clip.
        momentum: of the running means and variances.
        name: of the model.
    """
    clip = keras.Input(shape)
    x = _unit(clip, 64, 7, FIRST, momentum, stride=2)
    x = _pool(x, (1, 3, 3), (1, 2, 2), "MaxPool3d_2a_3x3")
    x = _unit(x, 64, 1, "Conv3d_2b_1x1", momentum)
    x = _unit(x, 192, 3, "Conv3d_2c_3x3", momentum)
    for module in MODULES:
        if module in POOLS:
            x = _pool(x, *POOLS[module], POOL_NAMES[module])
        x = _inception(x, module, momentum)
    return keras.Model(clip, x, name=scope_name(name))


def classifier(shape: Shape, classes: int, keep: float, name: str) -> keras.Sequential:
    """Return the head of I3D: the mean over time of logits, (batch, classes).

    The window of the average is two frames of whatever height and width the last map has:
    7 x 7 in the paper, for 224 x 224 pixels.

    Args:
        shape: (time, height, width, channels) of the last map.
        classes: how many there are.
        keep: share of the averages that training keeps, the others are dropped.
        name: of the branch.
    """
    _, height, width, _ = shape
    layers = [
        keras.layers.AveragePooling3D((2, height, width), strides=1, data_format="channels_last"),
        keras.layers.Dropout(1 - keep),
        keras.layers.Conv3D(
            classes,
            1,
            kernel_initializer="lecun_normal",
            name=f"{LOGITS}.conv_3d",
            data_format="channels_last",
        ),
        keras.layers.GlobalAveragePooling3D(data_format="channels_last"),
    ]
    head = keras.Sequential(layers, name=f"{scope_name(name)}_head")
    head.build((None, *shape))
    return head


def _inception(x: Any, name: str, momentum: float) -> Any:
    """Return four branches side by side: (batch, t, h, w, c) to (batch, t, h, w, their sum)."""
    first, second, third, fourth = MODULES[name]
    # A slip of the authors that their weights keep.
    last = "Conv3d_0a_3x3" if name == "Mixed_5b" else "Conv3d_0b_3x3"

    def unit(y: Any, width: int, size: int, branch: str) -> Any:
        return _unit(y, width, size, f"{name}.{branch}", momentum)

    branches = [unit(x, first, 1, "Branch_0.Conv3d_0a_1x1")]
    narrow = unit(x, second[0], 1, "Branch_1.Conv3d_0a_1x1")
    branches.append(unit(narrow, second[1], 3, "Branch_1.Conv3d_0b_3x3"))
    narrow = unit(x, third[0], 1, "Branch_2.Conv3d_0a_1x1")
    branches.append(unit(narrow, third[1], 3, f"Branch_2.{last}"))
    pooled = _pool(x, (3, 3, 3), (1, 1, 1), f"{name}.Branch_3.MaxPool3d_0a_3x3")
    branches.append(unit(pooled, fourth, 1, "Branch_3.Conv3d_0b_1x1"))
    return keras.layers.Concatenate(name=name)(branches)


def _unit(x: Any, width: int, size: int, name: str, momentum: float, stride: int = 1) -> Any:
    """Return a convolution with batch normalization and ReLU."""
    convolution = keras.layers.Conv3D(
        width,
        size,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="lecun_normal",
        name=f"{name}.conv_3d",
        data_format="channels_last",
    )
    # Of kernels over just two frames of bfloat16, oneDNN (TensorFlow 2.18 and 2.20 on a CPU)
    # returns gradients that were never computed. A third frame of zeros changes nothing but that.
    lengthen = x.shape[1] == 2 and size == 3 and convolution.compute_dtype == "bfloat16"
    if lengthen:
        x = keras.layers.ZeroPadding3D(
            ((0, 1), (0, 0), (0, 0)), name=f"{name}.pad", data_format="channels_last"
        )(x)
    x = convolution(x)
    if lengthen:
        x = keras.layers.Cropping3D(
            ((0, 1), (0, 0), (0, 0)), name=f"{name}.crop", data_format="channels_last"
        )(x)
    x = BatchNormalization(momentum=momentum, epsilon=1e-3, scale=False, name=f"{name}.batch_norm")(
        x
    )
    return keras.layers.ReLU(name=name)(x)


def _pool(x: Any, window: Shape, stride: Shape, name: str) -> Any:
    return keras.layers.MaxPooling3D(
        window, stride, padding="same", name=name, data_format="channels_last"
    )(x)
