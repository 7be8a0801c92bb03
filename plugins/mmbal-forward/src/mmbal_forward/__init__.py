"""Strategies that change what of each modality a training step lets through, for mmbal."""

from mmbal import lazy_names

__all__ = ["OPM", "ModalityDropout"]

__getattr__ = lazy_names(
    __name__, {"ModalityDropout": "mmbal_forward.dropout", "OPM": "mmbal_forward.opm"}
)
