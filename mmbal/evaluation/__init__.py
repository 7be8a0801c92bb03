"""Scores of a trained network; what is heavy is imported when it is used."""

from typing import TYPE_CHECKING

from mmbal.lazy import lazy_names

if TYPE_CHECKING:
    from mmbal.evaluation.accuracy import Accuracy
    from mmbal.evaluation.classification import Classification
    from mmbal.evaluation.context import Evaluation, EvaluationContext
    from mmbal.evaluation.linear_fit import Labelled, fit_linear_probe
    from mmbal.evaluation.linear_probe import LinearProbe, fitted_probe
    from mmbal.evaluation.names import ScoreName
    from mmbal.evaluation.options import Absence, Distinct
    from mmbal.evaluation.predictions import Predictions, Predictor
    from mmbal.evaluation.results import Score, Table
    from mmbal.evaluation.statistics import (
        finite,
        mean_score,
        nll,
        paired_difference,
        right,
        standard_error,
    )
    from mmbal.evaluation.subsets import Subsets, example_scores
    from mmbal.evaluation.temperature import TEMPERATURES, fit_temperature
    from mmbal.evaluation.utilization import Utilization, conditional_rate

__all__ = [
    "TEMPERATURES",
    "Absence",
    "Accuracy",
    "Classification",
    "Distinct",
    "Evaluation",
    "EvaluationContext",
    "Labelled",
    "LinearProbe",
    "Predictions",
    "Predictor",
    "Score",
    "ScoreName",
    "Subsets",
    "Table",
    "Utilization",
    "conditional_rate",
    "example_scores",
    "finite",
    "fit_linear_probe",
    "fit_temperature",
    "fitted_probe",
    "mean_score",
    "nll",
    "paired_difference",
    "right",
    "standard_error",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Absence": "mmbal.evaluation.options",
        "Accuracy": "mmbal.evaluation.accuracy",
        "Classification": "mmbal.evaluation.classification",
        "Distinct": "mmbal.evaluation.options",
        "Evaluation": "mmbal.evaluation.context",
        "EvaluationContext": "mmbal.evaluation.context",
        "Labelled": "mmbal.evaluation.linear_fit",
        "LinearProbe": "mmbal.evaluation.linear_probe",
        "Predictions": "mmbal.evaluation.predictions",
        "Predictor": "mmbal.evaluation.predictions",
        "Score": "mmbal.evaluation.results",
        "ScoreName": "mmbal.evaluation.names",
        "Subsets": "mmbal.evaluation.subsets",
        "TEMPERATURES": "mmbal.evaluation.temperature",
        "Table": "mmbal.evaluation.results",
        "Utilization": "mmbal.evaluation.utilization",
        "conditional_rate": "mmbal.evaluation.utilization",
        "example_scores": "mmbal.evaluation.subsets",
        "finite": "mmbal.evaluation.statistics",
        "fit_linear_probe": "mmbal.evaluation.linear_fit",
        "fit_temperature": "mmbal.evaluation.temperature",
        "fitted_probe": "mmbal.evaluation.linear_probe",
        "mean_score": "mmbal.evaluation.statistics",
        "nll": "mmbal.evaluation.statistics",
        "paired_difference": "mmbal.evaluation.statistics",
        "right": "mmbal.evaluation.statistics",
        "standard_error": "mmbal.evaluation.statistics",
    },
)
