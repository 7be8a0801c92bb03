"""What a check says."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        name: of the check.
        status: "warning" for what works, but not as well as it could.
        finding: what was found, in one line.
        remedy: what to do about it, in one line; "" where all is well.
    """

    name: str
    status: Status
    finding: str
    remedy: str = ""
