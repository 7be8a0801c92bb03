"""What users can set; nothing heavy is imported here."""

from pydantic import Field

from mmbal import Options


class RoundRobinOptions(Options):
    """Of the strategy."""

    turn: int = Field(default=1, ge=1, description="steps that a branch is trained in a row")
