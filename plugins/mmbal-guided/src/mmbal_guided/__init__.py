"""Guided and random balanced multi-modal learning for mmbal."""

from mmbal import lazy_names

__all__ = ["Guided", "Random"]

__getattr__ = lazy_names(
    __name__, {"Guided": "mmbal_guided.guided", "Random": "mmbal_guided.random"}
)
