"""Measures of what a multimodal network makes of each modality, for mmbal."""

from mmbal import lazy_names

__all__: list[str] = []

__getattr__ = lazy_names(__name__, {})
