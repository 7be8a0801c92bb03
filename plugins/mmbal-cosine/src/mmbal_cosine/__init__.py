"""Cosine classifiers against modality bias, for mmbal."""

from mmbal import lazy_names

__all__ = ["AdaptiveMargin", "JointCosine", "MMCosine", "ModalityCosine"]

__getattr__ = lazy_names(
    __name__,
    {
        "AdaptiveMargin": "mmbal_cosine.margin",
        "JointCosine": "mmbal_cosine.rules",
        "MMCosine": "mmbal_cosine.mmcosine",
        "ModalityCosine": "mmbal_cosine.rules",
    },
)
