"""Strategies that change the loss of joint training, for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["CML", "PMR", "RUBi"]

_LAZY = {
    "CML": "mmbal_objectives.cml",
    "PMR": "mmbal_objectives.pmr",
    "RUBi": "mmbal_objectives.rubi",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_objectives' has no attribute {name!r}")
