"""Configuration + dataset -> the model to train."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from mmbal.config.settings import CONSTANT, Choice, RunConfig
from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.errors import ConfigError, MmbalError, ShapeError
from mmbal.networks.network import FusionNetwork
from mmbal.networks.shapes import before_saved_weights, build_from
from mmbal.progress import Progress
from mmbal.records.journal import Journal
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.keras_globals import set_keras_globals
from mmbal.replicas.sums import Replicas, replica_count, synchronise_batch_norm
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.model import BalancedModel


@dataclass(frozen=True)
class Run:
    """What a run is before its data are read.

    Args:
        config: what to compute.
        catalogue: builds the components.
        folder: its files.
        progress: told what happens; silent but on the chief.
        replicas: train together.
        journal: of the chief; None on other hosts.
    """

    config: RunConfig
    catalogue: Catalogue
    folder: RunFolder
    progress: Progress
    replicas: Replicas
    journal: Journal | None = None


def open_dataset(catalogue: Catalogue, choice: Choice) -> DatasetSource:
    """Build a dataset by name and options; its files are not read yet."""
    source: DatasetSource = catalogue.build("dataset", choice.name, choice.options)
    return source


def build_strategy(config: RunConfig, catalogue: Catalogue) -> Strategy:
    """Build the strategy of a run."""
    choice = config.strategy
    strategy: Strategy = catalogue.build("strategy", choice.name, choice.options)
    return strategy


def build_network(
    config: RunConfig, catalogue: Catalogue, data: MultimodalDataset, *, saved: bool = False
) -> FusionNetwork:
    """Set the precision, seed everything, build the architecture and its variables.

    Where saved weights are loaded next, it is not built from any that its options name.
    """
    set_keras_globals(config.precision)
    keras.utils.set_random_seed(config.seed)
    choice = config.architecture
    with before_saved_weights(saved), _naming_others(catalogue, data):
        network: FusionNetwork = catalogue.build(
            "architecture", choice.name, choice.options, data.modalities, len(data.class_names)
        )
    if config.sync_batchnorm and replica_count() > 1:
        synchronise_batch_norm(network)
    build_from(network, {name: modality.empty() for name, modality in data.modalities.items()})
    return network


@contextmanager
def _naming_others(catalogue: Catalogue, data: MultimodalDataset) -> Iterator[None]:
    """Where an architecture cannot take the shapes of the data, name those that can."""
    try:
        yield
    except ShapeError as error:
        axes = {len(modality.shape) for modality in data.modalities.values()}
        able = [each.name for each in catalogue.components("architecture") if axes <= {*each.takes}]
        raise ConfigError(
            f"{error}; architectures for such shapes: {', '.join(able) or 'none is installed'}"
        ) from error


def build_model(
    config: RunConfig,
    catalogue: Catalogue,
    data: MultimodalDataset,
    strategy: Strategy,
    surroundings: Surroundings,
    network: FusionNetwork | None = None,
) -> BalancedModel:
    """Build and compile the model of a run.

    Args:
        config: of the run.
        catalogue: builds the components.
        data: tell modalities, classes and the steps of an epoch.
        strategy: to train with.
        surroundings: what the run offers to the strategy.
        network: to train; None builds the run's.

    Raises:
        MmbalError: the optimizer refuses its settings, the devices do, or a plugin its options.
    """
    model = BalancedModel(
        network or build_network(config, catalogue, data),
        strategy,
        config.seed,
        trace_capacity=config.log_every + config.steps_per_execution,
        on_nonfinite=config.on_nonfinite,
        surroundings=surroundings,
    )
    choice, schedule = config.optimizer, config.schedule
    optimizer = catalogue.build("optimizer", choice.name, choice.options)
    if schedule != CONSTANT:
        steps = -(-len(data.train) // config.batch_size)
        rate = float(optimizer.learning_rate)
        optimizer.learning_rate = catalogue.build(
            "schedule", schedule.name, schedule.options, rate, config.epochs, steps
        )
    execution: dict[str, Any] = {"steps_per_execution": config.steps_per_execution}
    try:
        model.compile(optimizer, jit_compile=config.jit_compile, **execution)
    except ValueError as error:
        raise MmbalError(str(error)) from error
    return model
