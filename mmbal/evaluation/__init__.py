"""Scores of a trained network; what is heavy is imported when it is used."""

from typing import TYPE_CHECKING

from mmbal.lazy import lazy_names

if TYPE_CHECKING:
    from mmbal.evaluation.accuracy import Accuracy
    from mmbal.evaluation.classification import Classification
    from mmbal.evaluation.context import Evaluation, EvaluationContext
    from mmbal.evaluation.linear_fit import Labelled, fit_linear_probe
    from mmbal.evaluation.linear_probe import LinearProbe
    from mmbal.evaluation.names import ScoreName
    from mmbal.evaluation.predictions import Predictions, Predictor
    from mmbal.evaluation.results import Score, Table
    from mmbal.evaluation.subsets import Subsets
    from mmbal.evaluation.utilization import Utilization

__all__ = [
    "Accuracy",
    "Classification",
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
    "fit_linear_probe",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Accuracy": "mmbal.evaluation.accuracy",
        "Classification": "mmbal.evaluation.classification",
        "Evaluation": "mmbal.evaluation.context",
        "EvaluationContext": "mmbal.evaluation.context",
        "Labelled": "mmbal.evaluation.linear_fit",
        "LinearProbe": "mmbal.evaluation.linear_probe",
        "Predictions": "mmbal.evaluation.predictions",
        "Predictor": "mmbal.evaluation.predictions",
        "Score": "mmbal.evaluation.results",
        "ScoreName": "mmbal.evaluation.names",
        "Subsets": "mmbal.evaluation.subsets",
        "Table": "mmbal.evaluation.results",
        "Utilization": "mmbal.evaluation.utilization",
        "fit_linear_probe": "mmbal.evaluation.linear_fit",
    },
)
