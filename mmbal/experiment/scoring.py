"""Trained weights -> scores of every split, in the record and in the one JSON object of a run."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from mmbal.config.settings import RunConfig
from mmbal.data import MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.names import ScoreName
from mmbal.evaluation.probe import Probe
from mmbal.experiment.batches import plain_batches
from mmbal.networks.network import FusionNetwork
from mmbal.registry.catalogue import Catalogue

Scores = dict[str, float]


class Scorer:
    """Applies the evaluations of a run to a network.

    Args:
        config: names the evaluations.
        catalogue: builds them.
        data: to score on.
        network: its weights at the time of scoring count.
    """

    def __init__(
        self,
        config: RunConfig,
        catalogue: Catalogue,
        data: MultimodalDataset,
        network: FusionNetwork,
    ) -> None:
        self._data, self._batch_size, self._seed = data, config.batch_size, config.seed
        self._probe = Probe(network)
        self._evaluations: list[Evaluation] = [
            catalogue.build("evaluation", choice.name, choice.options)
            for choice in config.evaluations
        ]

    def score(self, *splits: str) -> tuple[dict[str, Scores], dict[str, np.ndarray]]:
        """Return split to scores, and the squeeze means by journal name.

        Raises:
            MmbalError: an example cannot be read.
            ContractError: an evaluation names a score as the grammar does not allow.
        """
        train = self._batches("train")
        context = EvaluationContext(
            self._probe,
            train,
            train,
            validation=self._batches("validation"),
            split="train",
            seed=self._seed,
            class_names=tuple(self._data.class_names),
        )
        scores: dict[str, Scores] = {}
        with telling_bad_examples():
            for split in splits:
                context = context.another(self._batches(split), split)
                scores[split] = dict(self._apply(context))
            measured = context.squeeze_means if context.has_means else {}
        return scores, {
            f"squeeze_mean/{module}/{modality}": mean
            for module, means in measured.items()
            for modality, mean in zip(context.modalities, means, strict=True)
        }

    def _batches(self, split: str) -> tf.data.Dataset:
        return plain_batches(getattr(self._data, split), self._batch_size)

    def _apply(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        for evaluation in self._evaluations:
            for name, value in evaluation(context):
                yield str(ScoreName.parse(name, context.modalities)), value


def headline(config: RunConfig) -> dict[str, Any]:
    """Return what a run is of in short, as its journal and its result tell it."""
    return {
        "recipe": config.recipe,
        "dataset": config.dataset.name,
        "architecture": config.architecture.name,
        "strategy": config.strategy.name,
        "seed": config.seed,
        "epochs": config.epochs,
    }


def summary(scores: Mapping[str, Scores], modalities: tuple[str, ...]) -> dict[str, Any]:
    """Return accuracies and loss by split, utilization on the test split.

    Args:
        scores: by split and name.
        modalities: in the order of the branches.
    """

    def by_modality(values: Scores, name: str) -> Scores:
        return {m: values[f"{name}/{m}"] for m in modalities if f"{name}/{m}" in values}

    test = scores.get("test", {})
    splits = {
        split: {
            "accuracy": values.get("accuracy"),
            "accuracy_by_modality": by_modality(values, "accuracy"),
            "loss": values.get("loss"),
        }
        for split, values in scores.items()
    }
    return {
        **splits,
        "utilization": by_modality(test, "utilization"),
        "d_util": test.get("d_util"),
    }
