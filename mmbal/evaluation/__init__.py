"""Scores of a trained network."""

from mmbal.evaluation.accuracy import Accuracy
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.names import ScoreName
from mmbal.evaluation.predictions import Predictions, Predictor
from mmbal.evaluation.results import Score, Table
from mmbal.evaluation.utilization import Utilization

__all__ = [
    "Accuracy",
    "Evaluation",
    "EvaluationContext",
    "Predictions",
    "Predictor",
    "Score",
    "ScoreName",
    "Table",
    "Utilization",
]
