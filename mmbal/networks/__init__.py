"""What authors of architectures need."""

from mmbal.keys import scope_name
from mmbal.networks.branches import BranchNetwork
from mmbal.networks.controls import NORMAL, Controls, blocked
from mmbal.networks.fusion import Fusion
from mmbal.networks.groups import VariableGroups
from mmbal.networks.held import HeldMean
from mmbal.networks.network import FusionNetwork, Outputs, Unimodal, at_least_float32
from mmbal.networks.normalization import BatchNormalization, fuse_batch_norm
from mmbal.networks.rules import LinearRule, Rule
from mmbal.networks.shapes import before_saved_weights, saved_weights_follow

__all__ = [
    "NORMAL",
    "BatchNormalization",
    "BranchNetwork",
    "Controls",
    "Fusion",
    "FusionNetwork",
    "HeldMean",
    "LinearRule",
    "Outputs",
    "Rule",
    "Unimodal",
    "VariableGroups",
    "at_least_float32",
    "before_saved_weights",
    "blocked",
    "fuse_batch_norm",
    "saved_weights_follow",
    "scope_name",
]
