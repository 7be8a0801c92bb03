"""Late fusion for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["LateConcat", "LateSum"]

_LAZY = {"LateConcat": "mmbal_late.concat", "LateSum": "mmbal_late.summed"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_late' has no attribute {name!r}")
