"""Toy components, offered as a plugin would offer them, and runs of them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import Component, Recipe
from mmbal.config.resolution import resolve
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.evaluation.context import Evaluation
from mmbal.experiment import run
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks.shapes import saved_weights_follow
from mmbal.options import Options
from mmbal.registry import builtins
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.strategies.context import SamplerPlan
from mmbal.strategies.strategy import EpochPlan, Requirements, Strategy
from mmbal_guided.plugin import mmbal_components as guided_components

# `restless` is found by its name, as the module of a plugin is.
if str(Path(__file__).parent) not in sys.path:
    sys.path.append(str(Path(__file__).parent))

SIZES = {"train": 24, "validation": 12, "test": 12}
CLASSES = ("zero", "one", "two")
MODALITIES = {"a": Modality((3,)), "b": Modality((2,))}

# What happened, in order: reads of a split's first example, augmented examples, stages, epochs.
LOG: list[str] = []


class ToyOptions(Options):
    """Of every toy."""

    units: int = 4
    augment: bool = False
    at: int = 0
    weights: str = ""


class ToySource(DatasetSource):
    """Noise with the label in the first value of both modalities."""

    def __init__(self, options: ToyOptions) -> None:
        self.options = options

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        LOG.append(f"load {data_dir} {seed}")
        splits = {name: _examples(name, seed) for name in SIZES}
        return MultimodalDataset(
            modalities=MODALITIES,
            class_names=CLASSES,
            fingerprint=f"toy{seed}",
            augment=_augment if self.options.augment else None,
            notes={"seed": seed, "left_out": ["x"]},
            **splits,
        )


def _examples(split: str, seed: int) -> Examples:
    generator = np.random.default_rng([seed, *split.encode()])
    labels = generator.integers(0, len(CLASSES), SIZES[split])
    values = {m: generator.normal(size=(len(labels), *d.shape)) for m, d in MODALITIES.items()}
    for x in values.values():
        x[:, 0] += labels
    inputs = {m: x.astype(MODALITIES[m].dtype) for m, x in values.items()}
    stored = Examples.from_arrays(inputs, labels)

    def note(index: np.ndarray) -> np.ndarray:
        if index == 0:
            LOG.append(f"read {split}")
        return index

    def read(index: tf.Tensor) -> Any:
        noted = tf.numpy_function(note, [index], tf.int64)
        return stored.read(tf.ensure_shape(noted, []))

    return Examples(len(stored), read)


def _augment(inputs: dict[str, tf.Tensor], label: tf.Tensor, seed: tf.Tensor) -> Any:
    def note(value: np.ndarray) -> np.ndarray:
        LOG.append("augment")
        return value

    noted = tf.numpy_function(note, [inputs["a"]], tf.float32)
    return {**inputs, "a": tf.ensure_shape(noted, inputs["a"].shape)}, label


def toy_network(options: ToyOptions, modalities: Any, classes: int) -> GatedBranches:
    if options.weights and not saved_weights_follow():
        LOG.append(f"weights {Path(options.weights).read_text()}")
    dense = keras.layers.Dense
    return GatedBranches(
        {m: [dense(options.units, activation="relu"), dense(classes)] for m in modalities}
    )


class Picky(Strategy):
    """Shows examples 0 (twice, with and without b) and 1, in every epoch."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()

    def requirements(self) -> Requirements:
        return Requirements(sampler=True)

    def begin_epoch(self, epoch: int, context: Any) -> EpochPlan | None:
        keep = np.array([[1, 1], [1, 0], [1, 1]])
        return EpochPlan(sampler=SamplerPlan(np.array([0, 0, 1]), keep))


class Stubborn(Strategy):
    """Lets the fused prediction be the last class, always."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()

    def adapt(self, network: Any) -> None:
        LOG.append("adapt")
        network.fuse_logits = lambda unimodal, keep=None: unimodal["a"] * 0 + [0.0, 0.0, 1.0]


class Answer(Evaluation):
    """Yields 42."""

    def __init__(self, options: ToyOptions) -> None:
        self.options = options

    def __call__(self, context: Any) -> Iterator[tuple[str, float]]:
        LOG.append("answer")
        if LOG.count("answer") == self.options.at:
            raise KeyboardInterrupt
        yield "answer", 42.0


class Watcher(keras.callbacks.Callback):
    """Notes the epochs."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        LOG.append(f"epoch {epoch}")


class Stopper(keras.callbacks.Callback):
    """Presses Ctrl-C after a number of steps."""

    def __init__(self, options: ToyOptions) -> None:
        super().__init__()
        self.left = options.at

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def toy_catalogue() -> Catalogue:
    """Return a catalogue of the built-ins, guided balancing and the toys."""
    parts = {
        "dataset": {"toy": "ToySource"},
        "architecture": {"toy": "toy_network"},
        "strategy": {"picky": "Picky", "stubborn": "Stubborn"},
        "evaluation": {"answer": "Answer"},
        "callback": {"watcher": "Watcher", "stopper": "Stopper"},
    }
    offers: list[Any] = [*builtins.mmbal_components(), *guided_components()]
    offers += [
        Component(kind, name, "a toy", f"{__name__}:{factory}", f"{__name__}:ToyOptions")
        for kind, names in parts.items()
        for name, factory in names.items()
    ]
    recipe = Recipe(
        "toy",
        "a toy",
        dataset="toy",
        architecture="toy",
        strategy="guided",
        epochs=2,
        batch_size=5,
        optimizer={"name": "sgd", "learning_rate": 0.05},
        options={"strategy": {"tolerance": 0.0, "window": 2, "warmup": 0}},
        settings={"log_every": 3},
    )
    catalogue = Catalogue()
    for offer in (*offers, recipe):
        catalogue.add(offer, Provenance("toy", "toy 1.0"))
    assert not catalogue.problems
    return catalogue


class Toys:
    """Runs toys; what came out of them."""

    log = LOG
    sizes = SIZES

    def __init__(self) -> None:
        self.catalogue = toy_catalogue()

    def resolve(self, **settings: Any) -> Any:
        """Resolve the toy recipe; a double underscore stands for a dot."""
        given = [(key.replace("__", "."), value, "test") for key, value in settings.items()]
        return resolve(self.catalogue, "toy", None, given)

    def run(self, folder: Path, progress: Any = None, **settings: Any) -> dict[str, Any]:
        LOG.clear()
        return run(self.resolve(**settings), self.catalogue, folder, progress)

    def load(self) -> MultimodalDataset:
        return ToySource(ToyOptions()).load(None, 0)

    @staticmethod
    def journal(folder: Path, event: str | None = None) -> list[dict[str, Any]]:
        lines = (folder / "journal.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]
        return [each for each in events if event in (None, each["event"])]


@pytest.fixture(scope="session")
def toys() -> Toys:
    """Return what runs toys."""
    return Toys()


@pytest.fixture(scope="session")
def finished(toys: Toys, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the folder and the result of one guided run, 2 epochs of 5 steps."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, toys.run(folder)


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    """Keep the precision that a test sets from reaching others."""
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)
