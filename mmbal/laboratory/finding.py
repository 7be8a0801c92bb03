"""What a check says."""

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "warning", "failed", "known", "skipped"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Args:
        name: of the check.
        status: "warning" for what works, but not as well as it could; "known" for a failure that
            was declared with a reason; "skipped" for a check that asks for nothing promised.
        message: what was found, in one line.
        remedy: what to do about it, or what helps where it fails, in one line; or "".
        seconds: it took.
        cause: what was raised, or None.
    """

    name: str
    status: Status
    message: str
    remedy: str = ""
    seconds: float = 0
    cause: BaseException | None = field(default=None, repr=False, compare=False)
