"""Options of the architectures."""

from typing import Any, Literal

from pydantic import Field

from mmbal.options import Options


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
        "`imagenet`); or a safetensors file with torchvision's names",
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
    branches: dict[str, BackboneOptions] = Field(
        default={}, description="modality to backbone, cuts and arguments of its own"
    )
