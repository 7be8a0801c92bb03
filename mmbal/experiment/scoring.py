"""Trained weights -> scores of every split, for the journal and the one JSON object of a run."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.config.settings import Choice, RunConfig
from mmbal.data import MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import MmbalError
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.predictions import Predictor
from mmbal.evaluation.results import Results
from mmbal.experiment.batches import plain_batches
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.networks.network import FusionNetwork
from mmbal.progress import Progress
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas, replica_count
from mmbal.strategies.strategy import Strategy
from mmbal.version import __version__

SPLITS = ("train", "validation", "test")


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
    """Applies evaluations to the network of a run, whose weights may change in between.

    Args:
        config: of the run.
        catalogue: builds the evaluations.
        data: of the run.
        network: to score.
        strategy: that trained it: only where it trains classifiers of one modality, these count.
        evaluations: None for those of the run.
        progress: told of long work.
        folder: where predictions are kept; None keeps none.
    """

    def __init__(
        self,
        config: RunConfig,
        catalogue: Catalogue,
        data: MultimodalDataset,
        network: FusionNetwork,
        strategy: Strategy,
        evaluations: Sequence[Choice] | None = None,
        progress: Progress | None = None,
        folder: Path | None = None,
    ) -> None:
        self.choices = config.evaluations if evaluations is None else evaluations
        self._evaluations: list[Evaluation] = [
            catalogue.build("evaluation", choice.name, choice.options) for choice in self.choices
        ]
        reads = frozenset().union(*(each.needs() for each in self._evaluations))
        heads = "head" in strategy.requirements().architecture
        replicas = Replicas() if replica_count() > 1 else None
        self._context = EvaluationContext(
            Predictor(network, partial(plain_batches, batch_size=config.batch_size), replicas),
            {name: getattr(data, name) for name in SPLITS},
            seed=config.seed,
            class_names=tuple(data.class_names),
            reads=reads if heads else reads - {"heads"},
            progress=progress or Progress(),
            folder=folder,
            facts={"fingerprint": data.fingerprint, "mmbal": __version__},
        )

    def events(self, split: str, weights: str, results: Results) -> Iterator[dict[str, Any]]:
        """Yield the lines of the journal that tell results."""
        of = {"split": split, "weights": weights}
        by = {choice.name: choice.options.model_dump(mode="json") for choice in self.choices}
        yield {
            "event": "scores",
            **of,
            "values": results.values,
            "headlines": results.headlines,
            "meanings": self.meanings,
            "evaluations": by,
        }
        for name, table in results.tables.items():
            yield {"event": "table", **of, **vars(table), "name": name}

    @property
    def meanings(self) -> dict[str, str]:
        """Score to what it is, in a line."""
        return {k: v for each in self._evaluations for k, v in each.meanings.items()}

    def score(self, weights: str, *splits: str) -> tuple[dict[str, Results], dict[str, np.ndarray]]:
        """Return split to results of the present weights, and the means by journal name.

        Args:
            weights: what they are called, selected or last.
            *splits: to score.

        Raises:
            MmbalError: an example cannot be read.
            ContractError: an evaluation names a score as the grammar does not allow.
        """
        facts = {**self._context.facts, "weights": weights}
        context = replace(self._context, facts=facts, _measured={})
        results = {}
        with telling_bad_examples():
            for split in splits:
                results[split] = Results()
                for evaluation in self._evaluations:
                    results[split].add(evaluation(context.another(split)), context.modalities)
        return results, {
            f"squeeze_mean/{module}/{modality}": mean
            for module, means in (context.means if context.has_means else {}).items()
            for modality, mean in zip(context.modalities, means, strict=True)
        }


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


def summary(results: Mapping[str, Results], modalities: tuple[str, ...]) -> dict[str, Any]:
    """Return all scores by split, and the utilization on the test split.

    Args:
        results: by split.
        modalities: in the order of the branches.
    """
    test = results["test"].values if "test" in results else {}
    names = {m: f"utilization/{m}" for m in modalities}
    return {
        **{split: each.values for split, each in results.items()},
        "utilization": {m: test[name] for m, name in names.items() if name in test},
        "d_util": test.get("d_util"),
    }
