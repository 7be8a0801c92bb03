"""Scores of a trained network."""

from mmbal.evaluation.accuracy import Accuracy
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.names import ScoreName
from mmbal.evaluation.probe import Probe
from mmbal.evaluation.utilization import Utilization

__all__ = ["Accuracy", "Evaluation", "EvaluationContext", "Probe", "ScoreName", "Utilization"]
