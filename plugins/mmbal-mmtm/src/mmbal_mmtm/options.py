"""Options of the architectures."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mmbal import Options
from mmbal.errors import refuse_unknown
from mmbal_backbones import check_weights
from mmbal_mmtm.checkpoint_path import find_checkpoint

SMALL = "small"
"""The backbone that needs no cuts: it has a stage for each MMTM."""


class MMTMOptions(Options):
    """Of every MMTM in a network."""

    ratio: float = Field(
        default=4, gt=0, description="squeeze units are 2 x channels of all modalities / ratio"
    )
    gate_scale: Literal[1, 2] = Field(
        default=1, description="factor on the gates: 1 as in public code, 2 as in the MMTM paper"
    )


class CNNOptions(MMTMOptions):
    """Of mmtm-cnn."""

    def late_fusion(self) -> dict[str, Any]:
        """Name what has such branches for images."""
        return {"name": "late-concat"}


class ResNetOptions(MMTMOptions):
    """Of mmtm-resnet18."""

    weights: Literal["random", "imagenet"] | Path = Field(
        default="random",
        description="of the branches: random; imagenet (downloads torchvision's, extra "
        "`imagenet` of mmbal-backbones); or a safetensors file with torchvision's names",
    )

    def late_fusion(self) -> dict[str, Any] | None:
        """Name what has such branches, unless they begin with weights, which it cannot read."""
        return {"name": "late-concat", "backbone": "resnet18"} if self.weights == "random" else None

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check that there is a file of the weights."""
        del modalities
        check_weights(str(self.weights))


class StreamOptions(Options):
    """Of one modality's I3D; what is not set is taken from the architecture's options."""

    weights: Literal["", "random"] | Path = Field(default="", description="as architecture.weights")


class I3DOptions(MMTMOptions):
    """Of mmtm-i3d."""

    weights: Literal["random"] | Path = Field(
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

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check the names of the branches, and that there are their files."""
        refuse_unknown("modality", self.branches, modalities, "architecture.branches")
        find_checkpoint(str(self.weights), "architecture.weights")
        for name, branch in self.branches.items():
            find_checkpoint(str(branch.weights), f"architecture.branches.{name}.weights")


class BackboneOptions(Options):
    """Of one modality's branch; what is not set is taken from the architecture's options."""

    backbone: str = Field(default="", description="as architecture.backbone")
    cuts: tuple[str, ...] = Field(default=(), description="as architecture.cuts")
    arguments: dict[str, Any] = Field(default={}, description="as architecture.arguments")


class AnyOptions(MMTMOptions):
    """Of mmtm-any."""

    backbone: str = Field(
        default=SMALL,
        description="of every branch: small (three stages that fit vectors, series and images), "
        "resnet18, a model of keras.applications such as MobileNetV2, keras_hub:PRESET, or "
        "package.module:function that takes an input shape and returns a functional Keras model",
    )
    cuts: tuple[str, ...] = Field(
        default=(),
        description="layers of every backbone that an MMTM follows, in their order; of small by "
        "default its stages, as many as other branches have cuts",
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

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check the names of the branches."""
        refuse_unknown("modality", self.branches, modalities, "architecture.branches")

    def late_fusion(self) -> dict[str, Any]:
        """Name what takes the same backbones, which are not cut there."""
        shared = {"backbone", "arguments"}
        own = {m: branch.model_dump(include=shared) for m, branch in self.branches.items()}
        whole = self.model_dump(include=shared | {"fuse_batch_norm"})
        return {"name": "late-concat", **whole, "branches": own}

    def branch(self, modality: str) -> BackboneOptions:
        """Return the options of one branch: its own, over those of all branches.

        The arguments of all are of their backbone, and not for a branch that has another; the
        cuts of all are for every branch that may need them.
        """
        own = self.branches.get(modality, BackboneOptions())
        backbone = own.backbone or self.backbone
        shared = self.arguments if backbone == self.backbone else {}
        fits = backbone != SMALL or all(cut.startswith(SMALL) for cut in self.cuts)
        cuts = own.cuts or (self.cuts if fits else ())
        return BackboneOptions(backbone=backbone, cuts=cuts, arguments={**shared, **own.arguments})

    @model_validator(mode="after")
    def _have_cuts(self) -> "AnyOptions":
        for modality in self.branches or [None]:
            branch = self.branch(modality) if modality else self
            if branch.backbone != SMALL and not branch.cuts:
                own = f" or architecture.branches.{modality}.cuts" if modality else ""
                raise ValueError(
                    f"backbone {branch.backbone!r} needs the layers that an MMTM follows: set "
                    f"architecture.cuts{own}"
                )
        return self
