"""What users can set; nothing heavy is imported here."""

from typing import Any

from pydantic import Field, model_validator

from mmbal import Options


class AttentionOptions(Options):
    """Of the network."""

    channels: int = Field(default=32, ge=1, description="width of a token")
    heads: int = Field(default=2, ge=1, description="of every attention; a divisor of channels")
    stride: int = Field(default=2, ge=1, description="pixels from token to token of an image")

    @model_validator(mode="after")
    def _divisible(self) -> Any:
        if self.channels % self.heads:
            raise ValueError(
                f"heads must divide channels, received {self.heads} heads of {self.channels} "
                "channels"
            )
        return self
