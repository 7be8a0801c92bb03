"""Options of the architectures."""

from typing import Any, Literal

from pydantic import Field

from mmbal import Options


class MMTMOptions(Options):
    """Of every MMTM in a network."""

    ratio: float = Field(
        default=4, gt=0, description="squeeze units are 2 x channels of all modalities / ratio"
    )
    gate_scale: Literal[1, 2] = Field(
        default=1, description="factor on the gates: 1 as in public code, 2 as in the MMTM paper"
    )


class ResNetOptions(MMTMOptions):
    """Of mmtm-resnet18."""

    weights: str = Field(
        default="random",
        description="of the branches: random; imagenet (downloads torchvision's, extra "
        "`imagenet` of mmbal-backbones); or a safetensors file with torchvision's names",
    )


class StreamOptions(Options):
    """Of one modality's I3D; what is not set is taken from the architecture's options."""

    weights: str = Field(default="", description="as architecture.weights")


class I3DOptions(MMTMOptions):
    """Of mmtm-i3d."""

    weights: str = Field(
        default="random",
        description="of every stream: random, or DeepMind's TensorFlow checkpoint, such as "
        "DIR/model.ckpt; clips of 1 channel meet the kernels' sum over colors, clips of 2 need a "
        "Flow checkpoint, and the logits of other classes start at random",
    )
    branches: dict[str, StreamOptions] = Field(
        default={}, description="modality to weights of its own, such as {flow = {weights = FILE}}"
    )
    dropout_keep: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of the features that training keeps before the logits; 1 drops none",
    )
    bn_momentum: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="how much of a running mean or variance of batch normalization a step keeps; "
        "by default 0.9 for a stream with random weights, and 0.99 (recommended) for a stream "
        "with weights from a checkpoint",
    )


class BackboneOptions(Options):
    """Of one modality's branch; what is not set is taken from the architecture's options."""

    backbone: str = Field(default="", description="as architecture.backbone")
    cuts: tuple[str, ...] = Field(default=(), description="as architecture.cuts")
    arguments: dict[str, Any] = Field(default={}, description="as architecture.arguments")


class AnyOptions(MMTMOptions):
    """Of mmtm-any."""

    backbone: str = Field(
        default="",
        description="of every branch: resnet18, a model of keras.applications such as "
        "MobileNetV2, keras_hub:PRESET, or package.module:function that takes an input shape and "
        "returns a functional Keras model",
    )
    cuts: tuple[str, ...] = Field(
        default=(), description="layers of the backbone that an MMTM follows, in their order"
    )
    arguments: dict[str, Any] = Field(
        default={}, description="further arguments of the backbone, such as {alpha = 0.35}"
    )
    fuse_batch_norm: bool = Field(
        default=False,
        description="train batch normalizations of the backbones by one fused kernel, as those of "
        "mmbal's own are; equal to rounding, and faster on processors",
    )
    branches: dict[str, BackboneOptions] = Field(
        default={}, description="modality to backbone, cuts and arguments of its own"
    )
