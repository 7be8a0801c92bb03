"""Scores the weights of a finished (or interrupted) run again."""

import warnings
from pathlib import Path
from typing import Any

from mmbal.config.resolution import resolve
from mmbal.errors import MmbalError
from mmbal.experiment.building import build_network, build_strategy, open_dataset
from mmbal.experiment.scoring import Scorer
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.networks.network import FusionNetwork
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.strategies.requirements import refuse_unoffered, suited


def evaluate(
    run: Path,
    catalogue: Catalogue,
    split: str = "test",
    weights: str = "selected",
    data_dir: Path | None = None,
) -> dict[str, Any]:
    """Return the scores of a run's weights on one split, by name.

    Args:
        run: folder of the run.
        catalogue: builds the components.
        split: test, validation or train.
        weights: selected or last.
        data_dir: where the data stand now; None for where the run found them.

    Raises:
        MmbalError: the run has no such weights, or they do not fit its architecture.
        DataFormatError: the file of the weights leads to other files.
    """
    overrides = [] if data_dir is None else [("data_dir", str(data_dir), "--data-dir")]
    folder = RunFolder(run)
    config = resolve(catalogue, None, folder.config, overrides).config
    path = {"selected": folder.weights, "last": folder.last_weights}[weights]
    if not path.is_file():
        raise MmbalError(f"{run} has no {weights} weights: {path.name} is missing")
    data = open_dataset(catalogue, config.dataset).load(config.data_dir, config.seed)
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
