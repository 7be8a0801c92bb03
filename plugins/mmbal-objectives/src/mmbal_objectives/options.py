"""Options of the strategies."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

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

    @property
    def suspected(self) -> tuple[str, ...]:
        """The modalities of `bias`; none for the first of the network."""
        return (self.bias,) if isinstance(self.bias, str) else self.bias or ()

    @model_validator(mode="after")
    def _distinct(self) -> "RUBiOptions":
        names = self.suspected
        if len(set(names)) < len(names) or self.bias == ():
            raise ValueError(f"bias must be distinct modalities, received {self.bias}")
        return self


class PMROptions(WindowOptions):
    """Of prototypical modal rebalance."""

    weight: float = Field(default=1.0, ge=0, description="of the losses against prototypes (alpha)")
    entropy: float = Field(
        default=0.01, ge=0, description="weight of the entropy of the modality ahead (mu)"
    )
    entropy_epochs: int = Field(default=5, ge=0, description="first epochs, with that entropy")
    momentum: float = Field(
        default=0.2, ge=0, lt=1, description="share of the old prototypes in the new ones (epsilon)"
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
        default=20,
        ge=0,
        description="of the mean confidence that is gained without a modality; the authors' 0.1 is "
        "of its sum over batches of 200",
    )
