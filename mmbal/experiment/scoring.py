"""Trained weights -> scores of every split, and the one JSON object of a run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
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
        self._data = data
        self._batch_size = config.batch_size
        self._seed = config.seed
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
            return scores, dict(_named(context)) if context.has_means else {}

    def _batches(self, split: str) -> tf.data.Dataset:
        return plain_batches(getattr(self._data, split), self._batch_size)

    def _apply(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        for evaluation in self._evaluations:
            for name, value in evaluation(context):
                yield str(ScoreName.parse(name, context.modalities)), value


def result(
    config: RunConfig, folder: Path, measured: Mapping[str, Any], modalities: tuple[str, ...]
) -> dict[str, Any]:
    """Assemble what `mmbal run --json` prints.

    Args:
        config: of the run.
        folder: of the run.
        measured: "selected" and "last", each split to scores, and further entries that are
            passed on.
        modalities: in the order of the branches.
    """
    selected, last = measured["selected"], measured["last"]
    rest = {name: value for name, value in measured.items() if name not in ("selected", "last")}
    return {
        "run": str(folder),
        "recipe": config.recipe,
        "dataset": config.dataset.name,
        "architecture": config.architecture.name,
        "strategy": config.strategy.name,
        "seed": config.seed,
        "epochs": config.epochs,
        **_of_weights(selected, modalities),
        **rest,
        "last": _of_weights(last, modalities),
    }


def _of_weights(scores: Mapping[str, Scores], modalities: tuple[str, ...]) -> dict[str, Any]:
    """Return accuracies and loss by split, utilization on the test split."""
    nested: dict[str, Any] = {}
    for split, values in scores.items():
        nested[split] = {
            "accuracy": values.get("accuracy"),
            "accuracy_by_modality": _by_modality(values, "accuracy", modalities),
            "loss": values.get("loss"),
        }
    test = scores.get("test", {})
    nested["utilization"] = _by_modality(test, "utilization", modalities)
    nested["d_util"] = test.get("d_util")
    return nested


def _by_modality(scores: Scores, name: str, modalities: tuple[str, ...]) -> Scores:
    found = {m: scores.get(f"{name}/{m}") for m in modalities}
    return {m: value for m, value in found.items() if value is not None}


def _named(context: EvaluationContext) -> Iterator[tuple[str, np.ndarray]]:
    for module, means in context.squeeze_means.items():
        for modality, mean in zip(context.modalities, means, strict=True):
            yield f"squeeze_mean/{module}/{modality}", mean
