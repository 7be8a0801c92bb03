"""Trains a toy under a strategy as `mmbal run` does: data, trainer, checkpoints and all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.config.settings import Choice, RunConfig
from mmbal.data import MultimodalDataset
from mmbal.experiment.batches import TrainingBatches
from mmbal.experiment.building import Run, build_network
from mmbal.experiment.fitting import Fitting
from mmbal.networks.network import FusionNetwork
from mmbal.options import NoOptions, Options
from mmbal.progress import SilentProgress
from mmbal.records.checkpoint_store import Checkpoint, Generations
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.strategies.strategy import Strategy
from mmbal.testing.python_state import plain_values
from mmbal.training.model import BalancedModel

EPOCHS, BATCH, SEED = 2, 8, 11
MakeStrategy = Callable[[], Strategy]
MakeNetwork = Callable[..., FusionNetwork]


def sgd() -> keras.optimizers.Optimizer:
    """Return the optimizer of all that is compared."""
    return keras.optimizers.SGD(0.1, momentum=0.9)


@dataclass
class Parts(Catalogue):
    """Gives a run the strategy and the network that it is to try."""

    strategy: MakeStrategy = Strategy
    network: MakeNetwork = FusionNetwork
    optimizer: Callable[[], keras.optimizers.Optimizer] = sgd

    def build(self, kind: str, name: str, options: Options, *arguments: Any) -> Any:
        """Return a new one."""
        if kind == "architecture":
            return self.network(*arguments)
        return self.strategy() if kind == "strategy" else self.optimizer()


class Store(Generations):
    """Keeps the checkpoints of a training in its memory as well as in files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.by_step: dict[int, Checkpoint] = {}

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint and read it again, as a resumed run would."""
        path = super().save(checkpoint)
        read = self.newest()
        if read is not None:
            self.by_step[read.step] = read
        return path

    @property
    def before_the_last_step(self) -> Checkpoint:
        """Return the last checkpoint but that of the end; inside an epoch of two steps."""
        return self.by_step[sorted(self.by_step)[-2]]


@dataclass
class ToyRun:
    """A training of a toy, before or after it.

    Attributes:
        model: that is trained.
        fitting: its training, with data.
        store: of checkpoints.
        losses: name to what `Strategy.losses` gave at last, as far as it was traced.
        attributes: plain values of the strategy before training.
        made: ids of the strategy's variables before training.
    """

    model: BalancedModel
    fitting: Fitting
    store: Store
    losses: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)

    @property
    def weights(self) -> list[np.ndarray]:
        """Return the variables of the network, in its order."""
        return [v.numpy() for v in self.model.network.variables]

    @property
    def strategy(self) -> Strategy:
        """Return what it is trained under."""
        return self.model.strategy


def prepare(
    parts: Parts,
    data: MultimodalDataset,
    folder: Path,
    *,
    precision: str = "float32",
    eager: bool = False,
    checkpoints: bool = False,
    checkpoint: Checkpoint | None = None,
) -> ToyRun:
    """Build everything; nothing is trained yet.

    Args:
        parts: strategy and network.
        data: to train on.
        folder: for files.
        precision: as in a run.
        eager: run the step without a graph.
        checkpoints: save the state after every step.
        checkpoint: to go on from.
    """
    config = _config(precision, 1 if checkpoints else None)
    files = RunFolder(folder)
    store = Store(files.checkpoints)
    run = Run(config, parts, files, SilentProgress(), Replicas())
    fitting = Fitting(run, data, parts.strategy(), store, checkpoint=checkpoint)
    fitting.model.run_eagerly = eager
    toy = ToyRun(fitting.model, fitting, store)
    _record_losses(toy)
    toy.attributes = plain_values(toy.strategy)
    toy.made = {id(v) for v in toy.strategy.variables}
    return toy


def train(parts: Parts, data: MultimodalDataset, **how: Any) -> ToyRun:
    """Train a toy for two epochs of two steps, the second of which has a single row."""
    with TemporaryDirectory(prefix="mmbal-testing-") as name:
        run = prepare(parts, data, Path(name), **how)
        run.fitting.fit()
    return run


def go_on(parts: Parts, data: MultimodalDataset, checkpoint: Checkpoint) -> ToyRun:
    """Train from a checkpoint on, with everything built anew."""
    with TemporaryDirectory(prefix="mmbal-testing-") as name:
        run = prepare(parts, data, Path(name), checkpoint=checkpoint)
        run.fitting.fit()
    return run


def build(network: MakeNetwork, data: MultimodalDataset) -> FusionNetwork:
    """Return an untrained network with its variables."""
    return build_network(_config("float32", None), Parts(network=network), data)


def plain(network: MakeNetwork, data: MultimodalDataset) -> list[np.ndarray]:
    """Return the weights after joint training, written out with Keras's optimizer alone."""
    trained, optimizer = build(network, data), sgd()
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


def fit_alone(parts: Parts, data: MultimodalDataset) -> BalancedModel:
    """Train one epoch with `BalancedModel.fit`, which offers no examples, sampler or rehearsals."""
    model = BalancedModel(build(parts.network, data), parts.strategy(), SEED)
    model.compile(sgd(), run_eagerly=True)
    model.fit(data.train.dataset().batch(BATCH), epochs=1, verbose=0)
    return model


def operations(run: ToyRun) -> set[str]:
    """Return the types of all operations in the graph of a training step."""
    step = tf.function(run.model.train_step, autograph=False)
    spec = run.fitting.batches.dataset.element_spec
    graph = step.get_concrete_function(spec).graph.as_graph_def()
    nodes: list[Sequence[Any]] = [graph.node, *(f.node_def for f in graph.library.function)]
    return {node.op for each in nodes for node in each}


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


def _record_losses(run: ToyRun) -> None:
    original = run.strategy.losses

    def losses(step: Any, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        found = original(step, joint)
        run.losses = dict(found)
        return found

    run.strategy.losses = losses  # type: ignore[method-assign]
