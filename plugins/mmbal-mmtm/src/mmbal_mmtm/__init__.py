"""Multimodal transfer modules for mmbal."""

from mmbal import lazy_names

__all__ = ["MMTM", "MMTMNetwork", "join"]

__getattr__ = lazy_names(
    __name__,
    {
        "MMTM": "mmbal_mmtm.layer",
        "MMTMNetwork": "mmbal_mmtm.network",
        "join": "mmbal_mmtm.joined",
    },
)
