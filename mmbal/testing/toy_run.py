"""Trains a toy under a strategy as `mmbal run` does: data, trainer, checkpoints and all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.config.settings import Choice, RunConfig
from mmbal.data import MultimodalDataset
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.building import build_network
from mmbal.experiment.fitting import Fitting, Run
from mmbal.laboratory.toys import toy_data
from mmbal.networks.network import FusionNetwork
from mmbal.options import NoOptions, Options
from mmbal.progress import SilentProgress
from mmbal.records.checkpoint import Checkpoint, read_checkpoint
from mmbal.records.checkpoint_store import Generations
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.strategies.strategy import Strategy
from mmbal.training.model import BalancedModel

EPOCHS, BATCH, SEED = 2, 8, 11
DEPTH = 3
"""Of nested lists and dictionaries that are looked into for plain values."""
MakeNetwork = Callable[..., FusionNetwork]


def sgd() -> keras.optimizers.Optimizer:
    """Return the optimizer of all that is compared."""
    return keras.optimizers.SGD(0.1, momentum=0.9)


@dataclass
class Parts(Catalogue):
    """Gives a run the strategy and the network that it is to try."""

    strategy: Callable[[], Strategy] = Strategy
    network: MakeNetwork = FusionNetwork
    optimizer: Callable[[], keras.optimizers.Optimizer] = sgd

    def build(self, kind: str, name: str, options: Options, *arguments: Any) -> Any:
        """Return a new one."""
        if kind == "architecture":
            return self.network(*arguments)
        return self.strategy() if kind == "strategy" else self.optimizer()


@dataclass
class ToyRun:
    """A training of a toy.

    Attributes:
        fitting: the training, with its model and data.
        attributes: plain values of the strategy before training.
        made: ids of the strategy's variables before training.
        losses: name to what `Strategy.losses` gave at last, as far as it was traced.
        checkpoint: of the last step but one, inside an epoch, where checkpoints were saved.
    """

    fitting: Fitting
    attributes: dict[str, str]
    made: set[int]
    losses: dict[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None

    @property
    def model(self) -> BalancedModel:
        """Return what is trained."""
        return self.fitting.model

    @property
    def strategy(self) -> Strategy:
        """Return what it is trained under."""
        return self.model.strategy

    @property
    def weights(self) -> list[np.ndarray]:
        """Return the variables of the network, in its order."""
        return [v.numpy() for v in self.model.network.variables]


def train(
    parts: Parts,
    data: MultimodalDataset,
    *,
    precision: str = "float32",
    eager: bool = False,
    checkpoints: bool = False,
    checkpoint: Checkpoint | None = None,
    replicas: Replicas | None = None,
) -> ToyRun:
    """Train a toy for two epochs of two steps, the second of which has a single row.

    Args:
        parts: strategy and network.
        data: to train on.
        precision: as in a run.
        eager: run the step without a graph.
        checkpoints: save the state after every step.
        checkpoint: to go on from.
        replicas: that train together; None for those in force.
    """
    config = _config(precision, 1 if checkpoints else None)
    with TemporaryDirectory(prefix="mmbal-testing-") as name:
        files = RunFolder(Path(name))
        run = Run(config, parts, files, SilentProgress(), replicas or Replicas())
        store = Generations(files.checkpoints)
        fitting = Fitting(run, data, parts.strategy(), store, checkpoint=checkpoint)
        fitting.model.run_eagerly = eager
        strategy = fitting.model.strategy
        toy = ToyRun(fitting, plain_values(strategy), {id(v) for v in strategy.variables})
        _record_losses(toy)
        fitting.fit()
        if checkpoints:
            toy.checkpoint = read_checkpoint(sorted(store.folder.iterdir())[-2])
    return toy


def _record_losses(run: ToyRun) -> None:
    original = run.strategy.losses

    def losses(step: Any, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        returned = original(step, joint)
        run.losses = dict(returned)
        return returned

    run.strategy.losses = losses  # type: ignore[method-assign]


def build(network: MakeNetwork, data: MultimodalDataset) -> FusionNetwork:
    """Return an untrained network with its variables."""
    return build_network(_config("float32", None), Parts(network=network), data)


@cache
def plain(network: MakeNetwork) -> list[np.ndarray]:
    """Return the weights after joint training, written out with Keras's optimizer alone."""
    data, optimizer = toy_data(), sgd()
    trained = build(network, data)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    batches = TrainingBatches(data, BATCH, SEED)
    for epoch in range(EPOCHS):
        batches.start(epoch)
        for inputs, labels in batches.dataset:
            with tf.GradientTape() as tape:
                fitted = trained(inputs, training=True).supervised.values()
                total = tf.add_n([loss(labels, logits) for logits in fitted])
            gradients = tape.gradient(total, [v.value for v in trained.trainable_variables])
            pairs = zip(gradients, trained.trainable_variables, strict=True)
            optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
    return [v.numpy() for v in trained.variables]


def operations(run: ToyRun) -> set[str]:
    """Return the types of all operations in the graph of a training step."""
    step = tf.function(run.model.train_step, autograph=False)
    spec = run.fitting.batches.dataset.element_spec
    graph = step.get_concrete_function(spec).graph.as_graph_def()
    nodes: list[Sequence[Any]] = [graph.node, *(f.node_def for f in graph.library.function)]
    return {node.op for each in nodes for node in each}


def plain_values(thing: Any) -> dict[str, str]:
    """Return what an object holds in Python, where no checkpoint looks, as text by attribute."""
    texts = {name: _as_text(value, DEPTH) for name, value in vars(thing).items()}
    return {name: text for name, text in texts.items() if text is not None}


def _as_text(value: Any, depth: int) -> str | None:
    """Return a plain value as text; None for anything else."""
    if tf.is_tensor(value) and not isinstance(value, tf.Variable):
        return f"tensor {id(value)}"  # one that a step puts in its place is another one
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{value.tobytes()!r}"
    if depth and isinstance(value, list | tuple):
        return repr([_as_text(each, depth - 1) for each in value])
    if depth and isinstance(value, dict):
        return repr({str(key): _as_text(each, depth - 1) for key, each in value.items()})
    return None


def _config(precision: str, every: int | None) -> RunConfig:
    toy = Choice(name="toy", options=NoOptions())
    return RunConfig(
        recipe="toy",
        epochs=EPOCHS,
        batch_size=BATCH,
        seed=SEED,
        precision=precision,  # type: ignore[arg-type]
        distribute="none",
        checkpoint_minutes=0,
        checkpoint_steps=every,
        dataset=toy,
        architecture=toy,
        strategy=toy,
        optimizer=toy,
    )
