"""What a balanced step costs: guided, vanilla and plain Keras `fit` of the same mmtm-cnn.

The three are timed in turn, round after round in one process, so that whatever else the
machine does falls on all of them. Reported is the median over rounds of the ratio to plain.

    uv run python benchmarks/step.py [--batch-size 128] [--steps 20] [--rounds 15]
"""

import statistics
import time
from collections.abc import Callable

import click
import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from mmbal import BalancedModel
from mmbal.data import Modality
from mmbal_guided import Guided
from mmbal_mmtm.cnn import mmtm_cnn
from mmbal_mmtm.options import MMTMOptions

MODALITIES = {"gray": Modality((28, 28, 1)), "color": Modality((28, 28, 3))}
CLASSES = 10


class Plain(keras.Model):
    """The same network as stock Keras trains it: one output and one loss per branch."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Return the logits of every branch, (batch, classes)."""
        unimodal: dict[str, tf.Tensor] = self.network(inputs, training=training).unimodal
        return unimodal


def network() -> keras.Model:
    """Build mmtm-cnn with the same weights every time."""
    keras.utils.set_random_seed(0)
    return mmtm_cnn(MMTMOptions(), MODALITIES, CLASSES)


def plain() -> keras.Model:
    """Compile stock Keras training with the metrics that mmbal tracks."""
    model = Plain(network())
    loss = {m: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for m in MODALITIES}
    model.compile(keras.optimizers.SGD(0.01), loss=loss, metrics={m: ["accuracy"] for m in loss})
    return model


def balanced(strategy: Guided | None) -> keras.Model:
    """Compile mmbal training."""
    model = BalancedModel(network(), strategy)
    model.compile(keras.optimizers.SGD(0.01))
    return model


def batches(size: int, steps: int) -> tf.data.Dataset:
    """Return one epoch of fixed random batches that are ready in memory."""
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.normal(size=(size, *modality.shape)).astype("float32")
        for name, modality in MODALITIES.items()
    }
    return tf.data.Dataset.from_tensors((inputs, rng.integers(0, CLASSES, size))).repeat(steps)


def plain_batches(data: tf.data.Dataset) -> tf.data.Dataset:
    """Give every branch its copy of the labels, as stock Keras wants it."""
    return data.map(lambda inputs, label: (inputs, dict.fromkeys(MODALITIES, label)))


@click.command()
@click.option("--batch-size", default=128, show_default=True)
@click.option("--steps", default=20, show_default=True, help="Steps per timing.")
@click.option("--rounds", default=15, show_default=True, help="Timings of each.")
def main(batch_size: int, steps: int, rounds: int) -> None:
    """Time the three and print one table."""
    data = batches(batch_size, steps)
    # Tolerance 0 keeps guided balancing as busy as it can be.
    candidates: dict[str, tuple[keras.Model, tf.data.Dataset]] = {
        "plain Keras fit": (plain(), plain_batches(data)),
        "vanilla": (balanced(None), data),
        "guided": (balanced(Guided(tolerance=0.0, warmup=0)), data),
    }
    runs = {name: _fitting(*pair) for name, pair in candidates.items()}
    for run in runs.values():  # traces the graph, warms the caches
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        # Whoever goes first after a switch pays for cold caches, so the order turns.
        names = list(runs)[number % 3 :] + list(runs)[: number % 3]
        for name in names:
            started = time.perf_counter()
            runs[name]()
            seconds[name].append((time.perf_counter() - started) / steps)
    _print(seconds, f"mmtm-cnn, batch {batch_size}, {rounds} rounds of {steps} steps")


def _fitting(model: keras.Model, data: tf.data.Dataset) -> Callable[[], object]:
    return lambda: model.fit(data, verbose=0, shuffle=False)


def _print(seconds: dict[str, list[float]], title: str) -> None:
    table = Table(title=title)
    for column in ("training", "ms per step (median)", "ratio to plain (median)", "quartiles"):
        table.add_column(column)
    reference = seconds["plain Keras fit"]
    for name, values in seconds.items():
        ratios = [value / other for value, other in zip(values, reference, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        milliseconds = f"{1000 * statistics.median(values):.1f}"
        table.add_row(name, milliseconds, f"{middle:.3f}", f"{low:.3f} .. {high:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
