"""Options of the architectures."""

from collections.abc import Collection
from typing import Any

from pydantic import Field, PositiveInt, model_validator

from mmbal import Options
from mmbal.errors import refuse_unknown


class BranchOptions(Options):
    """Of one modality's encoder."""

    backbone: str = Field(default="", description="as architecture.backbone")
    arguments: dict[str, Any] = Field(
        default={},
        description="as architecture.arguments, which hold for the same backbone too",
    )


class LateOptions(Options):
    """Of late-concat and late-sum, whose sums cannot express synergy."""

    width: int = Field(
        default=32,
        ge=1,
        description="channels of the first convolutions of an image's or series' encoder; its "
        "features have twice as many",
    )
    units: tuple[PositiveInt, ...] = Field(
        default=(64, 64),
        min_length=1,
        description="units of the layers of a vector's encoder, its features last",
    )
    features: int | None = Field(
        default=None,
        ge=1,
        description="size of every modality's features, by a dense layer after the encoder; none "
        "leaves them as the encoder gives them",
    )
    dropout: float = Field(
        default=0, ge=0, lt=1, description="share of the features dropped in training"
    )
    backbone: str = Field(
        default="",
        description="encoder of every modality instead of those for images, series and "
        "vectors: small, resnet18, a model of keras.applications such as MobileNetV2, "
        "keras_hub:PRESET, or package.module:function that takes an input shape and returns a "
        "functional Keras model",
    )
    arguments: dict[str, Any] = Field(
        default={}, description="further arguments of the backbone, such as {alpha = 0.35}"
    )
    fuse_batch_norm: bool = Field(
        default=False,
        description="train batch normalizations of the backbones by one fused kernel, as those of "
        "mmbal's own are; equal to rounding, and faster on processors",
    )
    branches: dict[str, BranchOptions] = Field(
        default={}, description="modality to backbone and arguments of its own"
    )

    def late_fusion(self) -> dict[str, Any]:
        """Say that this is late fusion."""
        return {}

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check the names of the branches."""
        refuse_unknown("modality", self.branches, modalities, "architecture.branches")

    @model_validator(mode="after")
    def _arguments_have_a_backbone(self) -> "LateOptions":
        if self.backbone:
            return self
        given = {"arguments": self.arguments}
        for name, own in self.branches.items():
            given[f"branches.{name}.arguments"] = {} if own.backbone else own.arguments
        for place, arguments in given.items():
            if arguments:
                raise ValueError(
                    f"{place} are of a backbone, and none is named: received {arguments}"
                )
        return self


class MLPOptions(LateOptions):
    """Of late-mlp."""

    hidden: int = Field(
        default=64, ge=1, description="units of the hidden layer on the joined features"
    )
