"""Guided and random balanced multi-modal learning for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["Guided", "Random"]

_LAZY = {"Guided": "mmbal_guided.guided", "Random": "mmbal_guided.random"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_guided' has no attribute {name!r}")
