"""Cosine classifiers against modality bias, for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["AdaptiveMargin", "MMCosine"]

_LAZY = {"AdaptiveMargin": "mmbal_cosine.margin", "MMCosine": "mmbal_cosine.mmcosine"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_cosine' has no attribute {name!r}")
