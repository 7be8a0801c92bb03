"""Trained weights -> scores of every split, in the record and in the one JSON object of a run."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mmbal.config.resolution import resolve
from mmbal.config.settings import RunConfig
from mmbal.config.toml import read_file
from mmbal.data import MultimodalDataset
from mmbal.data.contents import check_contents
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import MmbalError
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.names import ScoreName
from mmbal.evaluation.probe import Probe
from mmbal.experiment.batches import plain_batches
from mmbal.experiment.building import build_network, build_strategy, open_dataset
from mmbal.experiment.recorded_data import load_recorded
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.networks.network import FusionNetwork
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.strategies.requirements import refuse_unoffered, suited

Scores = dict[str, float]


def evaluate(
    run: Path,
    catalogue: Catalogue,
    split: str = "test",
    weights: str = "selected",
    data_dir: Path | None = None,
    *,
    other_data: bool = False,
) -> dict[str, Any]:
    """Return the scores of a run's weights on one split, by name.

    Args:
        run: folder of the run.
        catalogue: builds the components.
        split: test, validation or train.
        weights: selected or last.
        data_dir: where the data stand now; None for where the run found them.
        other_data: score whatever data are there; the run's record stays as it is.

    Raises:
        MmbalError: the run has no such weights, or they do not fit its architecture; or the data
            are other ones than it was trained on.
        DataFormatError: the file of the weights leads to other files, or other data hold what
            cannot be scored.
    """
    overrides = [] if data_dir is None else [("data_dir", str(data_dir), "--data-dir")]
    folder = RunFolder(run)
    file = read_file(folder.config)
    config = resolve(catalogue, None, file, overrides).config
    path = {"selected": folder.weights, "last": folder.last_weights}[weights]
    if not path.is_file():
        raise MmbalError(f"{run} has no {weights} weights: {path.name} is missing")
    config, data = load_recorded(
        open_dataset(catalogue, config.dataset),
        config,
        folder,
        file.provenance,
        named=data_dir is not None,
        strict=not other_data,
    )
    if other_data:
        check_contents(data, [split])
    network = build_network(config, catalogue, data, saved=True)
    strategy = suited(build_strategy(config, catalogue), network.modalities)
    refuse_unoffered(strategy, network)
    strategy.adapt(network)
    load_weights(network, path)
    scores, _ = Scorer(config, catalogue, data, network).score(split)
    return {"run": str(run), "split": split, "weights": weights, **scores[split]}


def load_weights(network: FusionNetwork, path: Path) -> None:
    """Load the weights of a run, which may come from anyone.

    Raises:
        DataFormatError: the file leads to other files, or is no HDF5.
        MmbalError: the weights do not fit the network.
    """
    with open_sealed(path):  # Keras follows links
        pass
    try:
        with warnings.catch_warnings():
            # Keras merely warns of layers that it leaves as they were drawn.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(path)
    except (ValueError, OSError, UserWarning) as error:
        raise MmbalError(f"{path} does not fit this run's architecture: {error}") from error


class Scorer:
    """Applies the evaluations of a run to a network, whose weights may change in between."""

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
