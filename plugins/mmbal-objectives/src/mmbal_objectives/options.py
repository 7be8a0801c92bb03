"""Options of the strategies."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mmbal.options import Options

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


class PMROptions(Options):
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
    starts: int = Field(default=0, ge=0, description="first epoch with these losses, from 0")
    ends: int | None = Field(default=None, ge=0, description="last one; none for no end")

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if self.ends is not None and self.ends < self.starts:
            raise ValueError(f"ends must be at least starts, {self.starts}; received {self.ends}")
        return self


class CMLOptions(Options):
    """Of calibrated multimodal learning."""

    weight: float = Field(
        default=0.1, ge=0, description="of the confidence that is gained without a modality"
    )
