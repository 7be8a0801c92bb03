"""Whether reading views keeps up with training: images per second, against mmtm-resnet18.

Views are drawn once from sample meshes at full size. The pipeline of `mmbal run` then reads them,
decoding the PNG files and from the cache, in turn with a training step on a batch that is ready
in memory, round after round in one process. Files stand in the system's own cache.

    uv run python benchmarks/views.py [--batch-size 8] [--size 224] [--rounds 5]
"""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import keras
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from mmbal import BalancedModel
from mmbal.data import Examples, MultimodalDataset
from mmbal.experiment.batches import TrainingBatches
from mmbal_guided import Guided
from mmbal_mmtm.options import ResNetOptions
from mmbal_mmtm.resnet18 import mmtm_resnet18
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.source import ModelNet40


def read_batches(data: MultimodalDataset, batch_size: int, count: int) -> Callable[[], None]:
    """Return a function that reads an epoch of `count` batches as training does."""
    few = data.train
    # The sample is small: an epoch shows every object many times.
    many = Examples(batch_size * count, lambda row: few.read(row % len(few)))
    batches = TrainingBatches(dataclasses.replace(data, train=many), batch_size, seed=0)

    def run() -> None:
        batches.start(0)
        for _ in batches.dataset:
            pass

    return run


def train(data: MultimodalDataset, batch_size: int, steps: int) -> Callable[[], object]:
    """Return a function that trains mmtm-resnet18 for `steps` on one batch kept in memory."""
    keras.utils.set_random_seed(0)
    network = mmtm_resnet18(ResNetOptions(), data.modalities, len(data.class_names))
    model = BalancedModel(network, Guided())
    model.compile(keras.optimizers.SGD(0.1))
    batch = next(iter(data.train.dataset().repeat().batch(batch_size)))
    ready = tf.data.Dataset.from_tensors(batch).repeat(steps)
    return lambda: model.fit(ready, verbose=0, shuffle=False)


@click.command()
@click.option("--batch-size", default=8, show_default=True)
@click.option("--size", default=224, show_default=True, help="Pixels of a view's side.")
@click.option("--batches", default=50, show_default=True, help="Batches read per timing.")
@click.option("--steps", default=3, show_default=True, help="Training steps per timing.")
@click.option("--rounds", default=5, show_default=True, help="Timings of each.")
def main(batch_size: int, size: int, batches: int, steps: int, rounds: int) -> None:
    """Time the three in turn and print one table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw = ModelNet40Options.model_validate({"render": {"size": size}})
        ModelNet40(draw).sample(folder / "sample", seed=0)
        decoded = ModelNet40(ModelNet40Options()).load(folder / "sample", 0)
        cached = ModelNet40(ModelNet40Options(cache=folder / "cache")).load(folder / "sample", 0)
        timed = {
            "reading, decoded every time": (read_batches(decoded, batch_size, batches), batches),
            "reading, from the cache": (read_batches(cached, batch_size, batches), batches),
            "training, batch in memory": (train(cached, batch_size, steps), steps),
        }
        seconds: dict[str, list[float]] = {what: [] for what in timed}
        for number in range(-1, rounds):  # the first traces graphs
            for what, (run, count) in timed.items():
                started = time.perf_counter()
                run()
                if number >= 0:
                    seconds[what].append((time.perf_counter() - started) / count)
    _print(seconds, batch_size * len(decoded.modalities), f"batch {batch_size}, {size}x{size}")


def _print(seconds: dict[str, list[float]], images: int, title: str) -> None:
    table = Table(title=title)
    for column in ("", "ms per batch (median)", "images per second", "times training's rate"):
        table.add_column(column)
    reference = seconds["training, batch in memory"]
    for what, values in seconds.items():
        middle = statistics.median(values)
        ratios = [other / value for value, other in zip(values, reference, strict=True)]
        ratio = f"{statistics.median(ratios):.1f}"
        table.add_row(what, f"{1000 * middle:.1f}", f"{images / middle:.0f}", ratio)
    Console().print(table)


if __name__ == "__main__":
    main()
