"""Strategies that change the loss of joint training, for mmbal."""

from mmbal import lazy_names

__all__ = ["CML", "PMR", "RUBi"]

__getattr__ = lazy_names(
    __name__,
    {
        "CML": "mmbal_objectives.cml",
        "PMR": "mmbal_objectives.pmr",
        "RUBi": "mmbal_objectives.rubi",
    },
)
