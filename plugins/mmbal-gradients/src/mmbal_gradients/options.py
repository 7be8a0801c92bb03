"""Options of the strategies."""

from typing import Literal

from pydantic import Field

from mmbal import Options, WindowOptions

Kernels = Literal["all", "matrices", "convolutions"]
Estimate = Literal["offline", "online"]


class OGMOptions(WindowOptions):
    """Of OGM and OGM-GE."""

    alpha: float = Field(
        default=0.8,
        ge=0,
        description="how strongly to slow down: the authors take 0.8 for CREMA-D, 0.1 for VGGSound",
    )
    kernels: Kernels = Field(
        default="matrices",
        description="which encoder variables are modulated: all, those with two axes or more "
        "(matrices), or with three or more (convolutions; the authors' code takes those with four)",
    )
    ends: int | None = Field(default=50, ge=0, description="last such epoch; none for no end")


class AGMOptions(WindowOptions):
    """Of AGM."""

    alpha: float = Field(default=1.0, ge=0, description="how strongly to modulate")
    bound: float | None = Field(
        default=10,
        ge=0,
        description="largest difference of a modality's lead from its running mean that counts "
        "(the authors: 10 for CREMA-D, 7 for UR-FUNNY); none for no bound",
    )
    clip: float | None = Field(
        default=1,
        gt=0,
        description="clip all gradients to this global norm where an entry outside of the "
        "encoders is larger (the authors: 1 or 5); none never clips",
    )
    ends: int | None = Field(default=20, ge=0, description="last such epoch; none for no end")
    shared: bool = Field(
        default=False,
        description="where encoders see one modality each, take their features in training for "
        "all sets of modalities; the authors run them again in inference mode, which differs under "
        "dropout or batch normalisation and costs a second pass",
    )


class MMParetoOptions(Options):
    """Of MMPareto."""

    gamma: float = Field(default=1.5, gt=0, description="factor on the encoders' gradients")


class BlendingOptions(Options):
    """Of gradient blending."""

    estimate: Estimate = Field(
        default="online",
        description="offline: weights once before training, from rehearsals as long as it; online: "
        "again every super_epoch epochs, from rehearsals of that length",
    )
    super_epoch: int = Field(
        default=10,
        ge=1,
        description="epochs between two estimates, and of each of their rehearsals",
    )
    share: float = Field(
        default=0.08, gt=0, lt=1, description="of the training examples that is held out"
    )
