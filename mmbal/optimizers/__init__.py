"""What authors of optimizers and schedules need; what is heavy is imported when it is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmbal.optimizers.options import OptimizerOptions, WarmUpOptions

if TYPE_CHECKING:
    from mmbal.optimizers.keras_optimizers import keras_optimizer
    from mmbal.optimizers.schedules import WarmUp

__all__ = ["OptimizerOptions", "WarmUp", "WarmUpOptions", "keras_optimizer"]

_LAZY = {
    "WarmUp": "mmbal.optimizers.schedules",
    "keras_optimizer": "mmbal.optimizers.keras_optimizers",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'mmbal.optimizers' has no attribute {name!r}")
