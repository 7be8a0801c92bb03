"""What authors of optimizers and schedules need; what is heavy is imported when it is used."""

from typing import TYPE_CHECKING

from mmbal.lazy import lazy_names
from mmbal.optimizers.options import OptimizerOptions, WarmUpOptions

if TYPE_CHECKING:
    from mmbal.optimizers.keras_optimizers import keras_optimizer
    from mmbal.optimizers.schedules import WarmUp

__all__ = ["OptimizerOptions", "WarmUp", "WarmUpOptions", "keras_optimizer"]

__getattr__ = lazy_names(
    __name__,
    {
        "WarmUp": "mmbal.optimizers.schedules",
        "keras_optimizer": "mmbal.optimizers.keras_optimizers",
    },
)
