"""What authors of balancing strategies need."""

from mmbal.strategies.composite import Composite
from mmbal.strategies.context import Context, Rehearsal, SamplerPlan
from mmbal.strategies.contributions import (
    FLOOR,
    class_indices,
    coalitions,
    pooled,
    ratios_to_others,
    scale_gradient,
    shapley_values,
    true_class_probabilities,
    true_class_scores,
    weighted,
)
from mmbal.strategies.draws import Draws
from mmbal.strategies.step import Batch, Forward, Phase, Signals, Step
from mmbal.strategies.strategy import EpochPlan, Requirements, Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.strategies.tape import GlobalTape
from mmbal.strategies.window import Windowed

__all__ = [
    "FLOOR",
    "Batch",
    "Composite",
    "Context",
    "Draws",
    "EpochPlan",
    "Forward",
    "GlobalTape",
    "Phase",
    "Rehearsal",
    "Requirements",
    "SamplerPlan",
    "Signals",
    "Step",
    "Strategy",
    "Surroundings",
    "Windowed",
    "class_indices",
    "coalitions",
    "pooled",
    "ratios_to_others",
    "scale_gradient",
    "shapley_values",
    "true_class_probabilities",
    "true_class_scores",
    "weighted",
]
