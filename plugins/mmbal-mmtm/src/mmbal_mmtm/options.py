"""Options of the architectures."""

from typing import Literal

from pydantic import Field

from mmbal.options import Options


class MMTMOptions(Options):
    """Of every MMTM in a network."""

    ratio: float = Field(
        default=4, gt=0, description="squeeze units are 2 x channels of all modalities / ratio"
    )
    gate_scale: Literal[1, 2] = Field(
        default=1, description="factor on the gates: 1 as in public code, 2 as in the MMTM paper"
    )
