"""Options of the measures; nothing heavy is imported here."""

from pydantic import Field

from mmbal import Options


class FunctionSpeedOptions(Options):
    """Of `function-speed`."""

    every: int = Field(default=10, ge=1, description="steps from one that is measured to the next")
    examples: int = Field(
        default=256, ge=1, description="training examples on whose logits moves are measured"
    )
