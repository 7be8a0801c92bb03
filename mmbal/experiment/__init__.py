"""The one door to TensorFlow: configuration + catalogue -> train -> evaluate -> record."""

from mmbal.experiment.building import open_dataset
from mmbal.experiment.lifecycle import run
from mmbal.experiment.scoring import evaluate

__all__ = ["evaluate", "open_dataset", "run"]
