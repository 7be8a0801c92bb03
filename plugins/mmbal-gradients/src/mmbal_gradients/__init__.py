"""Balancing by gradients for mmbal: OGM, OGM-GE, AGM, MMPareto and gradient blending."""

from importlib import import_module
from typing import Any

__all__ = ["AGM", "OGM", "OGMGE", "GradientBlending", "MMPareto"]

_LAZY = {
    "AGM": "mmbal_gradients.agm",
    "GradientBlending": "mmbal_gradients.blending",
    "MMPareto": "mmbal_gradients.pareto",
    "OGM": "mmbal_gradients.ogm",
    "OGMGE": "mmbal_gradients.ogm",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_gradients' has no attribute {name!r}")
