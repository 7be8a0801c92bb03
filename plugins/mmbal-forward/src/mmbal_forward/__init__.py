"""Strategies that change what of each modality a training step lets through, for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["OPM", "ModalityDropout"]

_LAZY = {"ModalityDropout": "mmbal_forward.dropout", "OPM": "mmbal_forward.opm"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_forward' has no attribute {name!r}")
