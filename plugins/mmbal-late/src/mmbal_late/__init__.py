"""Late fusion for mmbal."""

from mmbal import lazy_names

__all__ = ["LateConcat", "LateSum"]

__getattr__ = lazy_names(
    __name__, {"LateConcat": "mmbal_late.concat", "LateSum": "mmbal_late.summed"}
)
