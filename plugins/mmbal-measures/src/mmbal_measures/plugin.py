"""What this distribution offers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbal import Component, Conformance, hookimpl

if TYPE_CHECKING:
    from mmbal.records import FinishedRun
    from mmbal_measures.card import Card

EVALUATIONS = (
    Component(
        "evaluation",
        "shapley",
        "how the score of all modalities is shared out among them, in accuracy and in nats",
        "mmbal_measures.shapley:Shapley",
        "mmbal_measures.options:ShapleyOptions",
        source="Shapley, 1953",
    ),
    Component(
        "evaluation",
        "perceptual",
        "what the prediction loses when a modality comes from another example",
        "mmbal_measures.perceptual:Perceptual",
        source="Gat, Schwartz and Schwing, NeurIPS 2021, arXiv 2110.14375",
    ),
    Component(
        "evaluation",
        "gain",
        "what each modality adds to what a linear classifier reads from the others",
        "mmbal_measures.gain:Gain",
        source="Alain and Bengio, 2016, arXiv 1610.01644",
    ),
    Component(
        "evaluation",
        "pairwise-utilization",
        "how much each prediction leans on each other modality",
        "mmbal_measures.pairwise:PairwiseUtilization",
        source="Wu, Jastrzębski, Cho and Geras, ICML 2022, arXiv 2202.05306",
    ),
    Component(
        "evaluation",
        "calibration",
        "whether confidence fits accuracy, temperature, and confidence that rises with less",
        "mmbal_measures.calibration:Calibration",
        "mmbal_measures.options:CalibrationOptions",
        source="Guo et al., ICML 2017, arXiv 1706.04599; Ma et al., ICML 2023, arXiv 2306.01265",
    ),
    Component(
        "evaluation",
        "contrasts",
        "how modalities differ by each measure, with errors of paired examples, for the card",
        "mmbal_measures.contrasts:Contrasts",
    ),
)
FUNCTION_SPEED = Component(
    "callback",
    "function-speed",
    "how far branches and fusion move what the network says, whatever the scale of weights",
    "mmbal_measures.function_speed:FunctionSpeed",
    "mmbal_measures.options:FunctionSpeedOptions",
    conformance=Conformance({"every": 1}, identity={"every": 1}),
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the measures."""
    return [*EVALUATIONS, FUNCTION_SPEED]


@hookimpl
def mmbal_card(runs: "Sequence[FinishedRun]") -> "Card":
    """Return the card of finished runs."""
    from mmbal_measures.card import make_card

    return make_card(runs)
