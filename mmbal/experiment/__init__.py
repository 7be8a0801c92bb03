"""The one door to TensorFlow: configuration + catalogue -> train -> evaluate -> record."""

from mmbal.experiment.building import open_dataset
from mmbal.experiment.costing import measure_cost
from mmbal.experiment.evaluating import evaluate
from mmbal.experiment.lifecycle import run

__all__ = ["evaluate", "measure_cost", "open_dataset", "run"]
