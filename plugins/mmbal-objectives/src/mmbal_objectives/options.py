"""Options of the strategies."""

from typing import Annotated, Literal

from pydantic import Field

from mmbal import Options, WindowOptions

Mode = Literal["paper", "released"]


class RUBiOptions(Options):
    """Of RUBi."""

    bias: str | tuple[str, ...] | None = Field(
        default=None,
        description="the modality that tempts into a shortcut, or several; none for the first",
    )
    weight: float = Field(default=1.0, ge=0, description="of the loss of each bias branch")
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(1024, 1024), description="units of the hidden layers of a bias branch"
    )


class PMROptions(WindowOptions):
    """Of prototypical modal rebalance."""

    weight: float = Field(default=1.0, ge=0, description="of the losses against prototypes")
    entropy: float = Field(
        default=0.01, ge=0, description="weight of the entropy of the modality ahead"
    )
    entropy_epochs: int = Field(default=5, ge=0, description="first epochs, with that entropy")
    momentum: float = Field(
        default=0.2, ge=0, lt=1, description="share of the old prototypes in the new ones"
    )
    share: float = Field(
        default=0.1, gt=0, le=1, description="of the training examples, from which they are made"
    )
    mode: Mode = Field(
        default="paper",
        description="released: full weight for every modality behind, and no entropy",
    )


class CMLOptions(Options):
    """Of calibrated multimodal learning."""

    weight: float = Field(
        default=0.1, ge=0, description="of the confidence that is gained without a modality"
    )
