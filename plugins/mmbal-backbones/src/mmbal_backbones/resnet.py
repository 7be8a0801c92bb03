"""ResNet-18 as torchvision has it."""

from typing import Any

import keras

from mmbal.networks import BatchNormalization, scope_name

WIDTHS = (64, 128, 256, 512)


def resnet18(shape: tuple[int, ...], name: str = "resnet18") -> keras.Model:
    """Return ResNet-18 without its classifier: images to maps of (batch, h, w, 512).

    Source: He et al., Deep Residual Learning, CVPR 2016, table 1. Numbers and layer names are
    those of torchvision; "layer2.1" is the output of the second block of the second stage.
    Strided layers pad both sides, where Keras's "same" would pad one and shift the image.
    Running variances move by the batch's biased variance, which torch multiplies by n / (n - 1).

    Args:
        shape: (height, width, channels) of an image.
        name: of the model.
    """
    image = keras.Input(shape)
    x = _convolution(image, 64, 7, 2, "conv1")
    x = keras.layers.ReLU(name="relu")(_normalize(x, "bn1"))
    x = keras.layers.ZeroPadding2D(1, name="maxpool.pad", data_format="channels_last")(
        x
    )  # zeros win no maximum after ReLU
    x = keras.layers.MaxPooling2D(3, 2, name="maxpool", data_format="channels_last")(x)
    for stage, width in enumerate(WIDTHS, start=1):
        for block in range(2):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _block(x, width, stride, f"layer{stage}.{block}")
    return keras.Model(image, x, name=scope_name(name))


def _block(x: Any, width: int, stride: int, name: str) -> Any:
    """Return two convolutions beside a shortcut: (batch, h, w, c) to (batch, h', w', width)."""
    shortcut = x
    if stride > 1:
        shortcut = _convolution(x, width, 1, stride, f"{name}.downsample.0")
        shortcut = _normalize(shortcut, f"{name}.downsample.1")
    x = _convolution(x, width, 3, stride, f"{name}.conv1")
    x = keras.layers.ReLU(name=f"{name}.relu")(_normalize(x, f"{name}.bn1"))
    x = _normalize(_convolution(x, width, 3, 1, f"{name}.conv2"), f"{name}.bn2")
    return keras.layers.ReLU(name=name)(keras.layers.Add(name=f"{name}.add")([x, shortcut]))


def _convolution(x: Any, width: int, size: int, stride: int, name: str) -> Any:
    if size > 1 and stride > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}.pad", data_format="channels_last")(
            x
        )
    return keras.layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        # torchvision's start: He's normal distribution by the outputs, not cut off.
        kernel_initializer=keras.initializers.VarianceScaling(2, "fan_out", "untruncated_normal"),
        name=name,
        data_format="channels_last",
    )(x)


def _normalize(x: Any, name: str) -> Any:
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
