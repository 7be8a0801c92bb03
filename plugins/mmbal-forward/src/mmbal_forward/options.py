"""Options of the strategies."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from mmbal.options import Options

Rate = Annotated[float, Field(ge=0, lt=1)]


class DropoutOptions(Options):
    """Of modality dropout."""

    p: Rate | dict[str, Rate] = Field(
        default=0.2,
        description="probability that an example loses a modality: one for all, or one per "
        "modality, where those not named are never lost",
    )
    rescale: bool = Field(
        default=False,
        description="divide each modality's features by the share of examples that keep it",
    )


class OPMOptions(Options):
    """Of on-the-fly prediction modulation."""

    rate: float = Field(
        default=0.5, ge=0, le=1, description="dropping probability of a modality just ahead"
    )
    sensitivity: float = Field(
        default=0.5, ge=0, description="how much the lead of a modality adds to its rate"
    )
    probability: float = Field(
        default=0.7, ge=0, le=1, description="of a step to drop anything at all"
    )
    starts: int = Field(default=6, ge=0, description="first epoch with dropping, from 0")
    ends: int | None = Field(default=None, ge=0, description="last one; none for no end")

    @model_validator(mode="after")
    def _ordered(self) -> Any:
        if self.ends is not None and self.ends < self.starts:
            raise ValueError(f"ends must be at least starts, {self.starts}; received {self.ends}")
        return self
