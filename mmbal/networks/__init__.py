"""What authors of architectures need."""

from mmbal.networks.network import (
    FusionNetwork,
    Outputs,
    Unimodal,
    VariableGroups,
    at_least_float32,
)
from mmbal.networks.shapes import before_saved_weights, saved_weights_follow

__all__ = [
    "FusionNetwork",
    "Outputs",
    "Unimodal",
    "VariableGroups",
    "at_least_float32",
    "before_saved_weights",
    "saved_weights_follow",
]
