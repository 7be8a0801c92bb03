"""Options of the measures; nothing heavy is imported here."""

from typing import Literal

from pydantic import Field

from mmbal import Options
from mmbal.evaluation import Absence, Distinct


class ShapleyOptions(Options):
    """Of `shapley`."""

    absences: Distinct[Literal["zero", "mean", "marginal", "refit"]] = Field(
        default=("mean",),
        description="what stands for absent modalities: zeros, their training means, (marginal) "
        "what other examples of the split have, or (refit) nothing: a linear classifier is fitted "
        "to the features of those present",
    )
    method: Literal["auto", "exact", "sampled"] = Field(
        default="auto",
        description="score every subset, or those along random orders; auto is exact up to 6 "
        "modalities, and up to 12 where fusion is a sum of logits",
    )
    pairs: int = Field(
        default=50, ge=2, description="of a random order and its reverse, where orders are sampled"
    )


class CalibrationOptions(Options):
    """Of `calibration`."""

    bins: int = Field(
        default=15, ge=1, description="of confidences, of equal width and of equal numbers"
    )
    absences: Distinct[Absence] = Field(
        default=("mean",),
        description="what stands for a modality whose absence must not raise the confidence",
    )


class FunctionSpeedOptions(Options):
    """Of `function-speed`."""

    every: int = Field(default=10, ge=1, description="steps from one that is measured to the next")
    examples: int = Field(
        default=256, ge=1, description="training examples on whose logits moves are measured"
    )
