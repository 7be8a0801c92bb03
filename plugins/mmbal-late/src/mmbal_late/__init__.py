"""Late fusion for mmbal."""

from mmbal import lazy_names

__all__ = ["LateConcat", "LateMLP", "LateSum"]

__getattr__ = lazy_names(
    __name__,
    {
        "LateConcat": "mmbal_late.concat",
        "LateMLP": "mmbal_late.mlp",
        "LateSum": "mmbal_late.summed",
    },
)
