"""Options of the strategies."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from mmbal import Options, WindowOptions
from mmbal.errors import refuse_unknown

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

    def check_use(self, modalities: Collection[str] | None) -> None:
        """Check the names in `p`."""
        named = self.p if isinstance(self.p, dict) else ()
        refuse_unknown("modality", named, modalities, "option p of modality-dropout")


class OPMOptions(WindowOptions):
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
    starts: int = Field(default=6, ge=0, description="first epoch in which it acts, from 0")
