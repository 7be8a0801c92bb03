"""Options of the callback; nothing heavy is imported here."""

from pathlib import Path

from pydantic import Field

from mmbal import Options


class TensorBoardOptions(Options):
    """Of `tensorboard`."""

    every: int = Field(default=10, ge=1, description="steps from one point of a curve to the next")
    folder: Path | None = Field(
        default=None,
        description="where each run gets a folder of its name; none for `tensorboard` in its own",
    )
