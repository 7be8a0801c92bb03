"""Options of the balancing strategies."""

from typing import Literal

from pydantic import Field

from mmbal import Options

Update = Literal["all", "isolated"]


class BalancedOptions(Options):
    """Common to guided and random balancing."""

    warmup: float = Field(
        default=1, ge=0, description="regular training at the start, in epochs; 0.25 is a quarter"
    )
    warmup_steps: int | None = Field(
        default=None, ge=0, description="the same in steps; takes the place of warmup"
    )
    update: Update = Field(
        default="all",
        description="what a re-balancing step trains: all variables (the authors' code) or the "
        "isolated branch only",
    )


class GuidedOptions(BalancedOptions):
    """Of guided balancing."""

    tolerance: float = Field(
        default=0.023,
        ge=0,
        description="imbalance of learning speeds that is let pass, in nats; the authors' "
        "log10 values times 2.302585",
    )
    window: int = Field(default=5, ge=1, description="consecutive re-balancing steps")
