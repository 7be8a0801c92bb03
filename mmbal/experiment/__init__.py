"""The one door to TensorFlow: configuration + catalogue -> train -> evaluate -> record."""

from mmbal.experiment.model import open_dataset
from mmbal.experiment.rescoring import evaluate
from mmbal.experiment.run import run

__all__ = ["evaluate", "open_dataset", "run"]
