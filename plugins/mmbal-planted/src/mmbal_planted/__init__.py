"""Data for mmbal whose right answers are known exactly."""

from mmbal import lazy_names

__all__ = ["CONFIGURATIONS", "Bit", "Planted", "Truth"]

__getattr__ = lazy_names(
    __name__,
    {
        "Bit": "mmbal_planted.bits",
        "CONFIGURATIONS": "mmbal_planted.configurations",
        "Planted": "mmbal_planted.source",
        "Truth": "mmbal_planted.truth",
    },
)
