"""Multimodal transfer modules for mmbal."""

from importlib import import_module
from typing import Any

__all__ = ["MMTM", "MMTMNetwork", "join"]

_LAZY = {
    "MMTM": "mmbal_mmtm.layer",
    "MMTMNetwork": "mmbal_mmtm.network",
    "join": "mmbal_mmtm.joined",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal_mmtm' has no attribute {name!r}")
