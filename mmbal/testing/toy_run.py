"""Trains toys under a strategy as `mmbal run` does: data, trainer, checkpoints and all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.config.settings import Choice, RunConfig
from mmbal.data import MultimodalDataset
from mmbal.experiment.building import Run, build_network
from mmbal.experiment.fitting import Fitting
from mmbal.laboratory.toys import NAMES, GatedToy, LateToy, toy_data
from mmbal.networks.network import FusionNetwork
from mmbal.options import NoOptions, Options
from mmbal.progress import Progress
from mmbal.records.checkpoint import Checkpoint, Generations, read_checkpoint
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.replicas.sums import Replicas
from mmbal.strategies.strategy import Strategy
from mmbal.testing.subject import unchanged
from mmbal.training.model import BalancedModel

EPOCHS, BATCH, SEED = 2, 8, 11
DEPTH = 3
"""Of nested lists and dictionaries that are looked into for plain values."""
KINDS: dict[str, Any] = {"gated": GatedToy, "late": LateToy}
"""A gate between branches with a classifier each; one joint classifier on all features."""
MakeNetwork = Callable[..., FusionNetwork]
TOY = Choice(name="toy", options=NoOptions())


def sgd() -> keras.optimizers.Optimizer:
    """Return the optimizer of all that is compared."""
    return keras.optimizers.SGD(0.1, momentum=0.9)


@dataclass
class Parts(Catalogue):
    """Gives a run the components that it is to try."""

    strategy: Callable[[], Strategy] = Strategy
    network: MakeNetwork = FusionNetwork
    optimizer: Callable[[], keras.optimizers.Optimizer] = sgd
    callback: Callable[[], keras.callbacks.Callback] | None = None

    def build(self, kind: str, name: str, options: Options, *arguments: Any) -> Any:
        """Return a new one."""
        if kind == "architecture":
            return self.network(*arguments)
        if kind == "callback" and self.callback is not None:
            return self.callback()
        return self.strategy() if kind == "strategy" else self.optimizer()


@dataclass
class ToyRun:
    """A training of a toy.

    Attributes:
        model: that is trained.
        spec: of a batch.
        attributes: plain values of the strategy before training.
        made: ids of the strategy's variables before training.
        losses: name to what `Strategy.losses` gave at last, as far as it was traced.
        checkpoint: of the last step but one, inside an epoch.
    """

    model: BalancedModel
    spec: Any
    attributes: dict[str, str]
    made: set[int]
    losses: dict[str, Any]
    checkpoint: Checkpoint

    @property
    def weights(self) -> list[np.ndarray]:
        """Return the variables of the network, in its order."""
        return [v.numpy() for v in self.model.network.variables]


def train(
    parts: Parts,
    modalities: Sequence[str] = NAMES[:2],
    *,
    precision: str = "float32",
    eager: bool = False,
    checkpoint: Checkpoint | None = None,
    replicas: Replicas | None = None,
) -> ToyRun:
    """Train a toy for two epochs of two steps, the second of which has a single row.

    Args:
        parts: what is trained.
        modalities: of the data.
        precision: as in a run; in double precision the data are, too.
        eager: run the step without a graph.
        checkpoint: to go on from.
        replicas: that train together; None for those in force.
    """
    data = toy_data(modalities, "float64" if precision == "float64" else "float32")
    with TemporaryDirectory(prefix="mmbal-testing-") as name:
        files = RunFolder(Path(name))
        callbacks = [] if parts.callback is None else [TOY]
        config = toy_config().model_copy(update={"precision": precision, "callbacks": callbacks})
        run = Run(config, parts, files, Progress(), replicas or Replicas())
        store = Generations(files.checkpoints)
        fitting = Fitting(run, data, parts.strategy(), store, checkpoint=checkpoint)
        model, strategy = fitting.model, fitting.model.strategy
        model.run_eagerly = eager
        attributes, made = plain_values(strategy), {id(v) for v in strategy.variables}
        losses = _recorded_losses(strategy)
        fitting.fit()
        checkpoint = read_checkpoint(min(store.folder.iterdir()))
    spec = fitting.batches.dataset.element_spec
    return ToyRun(model, spec, attributes, made, losses, checkpoint)


def _recorded_losses(strategy: Strategy) -> dict[str, Any]:
    """Return a dictionary that gets what `losses` of a strategy returns from now on."""
    original, recorded = strategy.losses, dict[str, Any]()

    def losses(step: Any, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        returned = original(step, joint)
        recorded.clear()
        recorded.update(returned)
        return returned

    strategy.losses = losses  # type: ignore[method-assign]
    return recorded


def build(network: MakeNetwork, data: MultimodalDataset) -> FusionNetwork:
    """Return an untrained network with its variables."""
    return build_network(toy_config(), Parts(network=network), data)


@cache
def plain(network: MakeNetwork) -> list[np.ndarray]:
    """Return the weights after joint training of two modalities."""
    return train(Parts(network=network), eager=True).weights


def operations(run: ToyRun) -> set[str]:
    """Return the types of all operations in the graph of a training step."""
    step = tf.function(run.model.train_step, autograph=False)
    graph = step.get_concrete_function(run.spec).graph.as_graph_def()
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


def toy_config() -> RunConfig:
    """Return the configuration of a run of toys."""
    return RunConfig(
        recipe="toy",
        epochs=EPOCHS,
        batch_size=BATCH,
        seed=SEED,
        distribute="none",
        checkpoint_minutes=0,
        checkpoint_steps=1,
        dataset=TOY,
        architecture=TOY,
        strategy=TOY,
        optimizer=TOY,
    )


class ToySteps:
    """Trains toys as the kit does, from the same seeds whenever asked; `toy_steps` in pytest.

    Everywhere `modalities` are names of one letter each.

    Attributes:
        model: that was trained last.
    """

    model: BalancedModel

    def network(self, kind: str = "late", modalities: str = "ab") -> FusionNetwork:
        """Return an untrained network, without classifiers beside its own to train."""
        network = build(KINDS[kind], toy_data(modalities))
        for head in network.heads if kind == "late" else ():
            head.trainable = False
        return network

    def data(self, modalities: str = "ab", examples: int = 16) -> Any:
        """Return inputs, (examples, channels) by modality, and labels, (examples,)."""
        drawn = toy_data(modalities, examples=examples).train.dataset().batch(examples)
        return next(drawn.as_numpy_iterator())

    def train(
        self,
        strategy: Strategy,
        kind: str = "late",
        modalities: str = "ab",
        *,
        adam: bool = False,
        eager: bool = True,
        precision: str = "float32",
    ) -> dict[str, np.ndarray]:
        """Train four steps, by SGD with momentum or by Adam; return the weights by group.

        Without the heads beside a network's prediction, which few strategies train.
        """
        optimizer = (lambda: keras.optimizers.Adam(0.01)) if adam else sgd
        parts = Parts(strategy=lambda: strategy, network=KINDS[kind], optimizer=optimizer)
        with unchanged():
            run = train(parts, modalities, eager=eager, precision=precision)
        self.model = run.model
        return {
            name: np.concatenate([v.numpy().ravel() for v in group])
            for name, group in run.model.network.partition().items()
            if not name.startswith("head/")
        }

    @cache  # noqa: B019  (as long as the fixture)
    def joint(
        self, kind: str = "late", modalities: str = "ab", *, adam: bool = False
    ) -> dict[str, np.ndarray]:
        """Return the weights after joint training, done once."""
        return ToySteps().train(Strategy(), kind, modalities, adam=adam)
