"""What users can set; nothing heavy is imported here."""

from typing import Literal

from pydantic import Field

from mmbal import Options


class PairingOptions(Options):
    """Of the dataset."""

    partner: Literal["other", "same"] = Field(
        default="other",
        description="whose ink profile an image comes with: another digit's of its class, so that "
        "only the class connects the two, or its own",
    )
    test_fraction: float = Field(
        default=0.2, gt=0, lt=0.5, description="share of the digits for testing, and for validation"
    )
