"""What users can set of every dataset of files; nothing heavy is imported here."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from mmbal import Options


class MediaOptions(Options):
    """Options of a dataset of files; subclasses add their own."""

    seed: int | None = Field(
        default=None,
        ge=0,
        description="of what is held out; none takes the run's seed, a number keeps the data the "
        "same over runs of different seeds",
    )
    on_bad_example: Literal["fail", "skip"] = Field(
        default="fail",
        description="an example whose files are missing or damaged ends the run, or is left out "
        "and counted",
    )
    cache: Path | None = Field(
        default=None,
        description="folder of decoded examples, memory-mapped and shared by runs",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        description="processes or threads that look at files, decode or draw them; none takes one "
        "per processor",
    )
