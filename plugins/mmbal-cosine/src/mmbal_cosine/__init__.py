"""Cosine classifiers against modality bias, for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["AdaptiveMargin", "JointCosine", "MMCosine", "ModalityCosine"]

_LAZY = {
    "AdaptiveMargin": "mmbal_cosine.margin",
    "JointCosine": "mmbal_cosine.rules",
    "MMCosine": "mmbal_cosine.mmcosine",
    "ModalityCosine": "mmbal_cosine.rules",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_cosine' has no attribute {name!r}")
