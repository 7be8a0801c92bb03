"""Late fusion for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["JointCosine", "LateConcat", "LateSum", "Linear", "ModalityCosine"]

_LAZY = {
    "JointCosine": "mmbal_late.rules",
    "LateConcat": "mmbal_late.concat",
    "LateSum": "mmbal_late.summed",
    "Linear": "mmbal_late.rules",
    "ModalityCosine": "mmbal_late.rules",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_late' has no attribute {name!r}")
