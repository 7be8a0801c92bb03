"""What replicas bring: examples per second on 1 device, 2 mirrored CPU devices and 2 workers.

Every layout trains the same global batches in processes of its own, one layout after the other,
round after round, so that whatever else the machine does falls on all of them. Reported is the
median over rounds of the ratio to one device. Two parts of one processor show what distribution
costs; what it gains needs devices of their own.

    uv run python benchmarks/replicas.py [--batch-size 128] [--steps 20] [--rounds 5]
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

import click
from rich.console import Console
from rich.table import Table

LAYOUTS = {
    "1 device": [{"distribute": "none"}],
    "2 mirrored": [{"logical_devices": 2}],
    "2 workers": [{"distribute": "multiworker"}] * 2,
}
WARM_UP = 5


def train(layout: dict[str, object], size: int, steps: int) -> float:
    """Train guided mmtm-cnn and return examples per second, after a warm-up."""
    import keras
    import numpy as np
    import tensorflow as tf

    from mmbal import BalancedModel
    from mmbal.data import Modality
    from mmbal.replicas.devices import open_strategy
    from mmbal_guided import Guided
    from mmbal_mmtm.cnn import mmtm_cnn
    from mmbal_mmtm.options import MMTMOptions

    strategy = open_strategy(**layout)
    shapes = {"gray": (28, 28, 1), "color": (28, 28, 3)}
    rng = np.random.default_rng(0)
    inputs = {m: rng.normal(size=(size, *shape)).astype("float32") for m, shape in shapes.items()}
    labels = rng.integers(0, 10, size)
    with strategy.scope():
        keras.utils.set_random_seed(0)
        modalities = {m: Modality(shape) for m, shape in shapes.items()}
        model = BalancedModel(mmtm_cnn(MMTMOptions(), modalities, 10), Guided())
        model.compile(keras.optimizers.SGD(0.01))
    batches = tf.data.Dataset.from_tensors((inputs, labels))
    model.fit(batches.repeat(WARM_UP), verbose=0, shuffle=False)
    started = time.perf_counter()
    model.fit(batches.repeat(steps), verbose=0, shuffle=False)
    return size * steps / (time.perf_counter() - started)


def measure(layouts: list[dict[str, object]], size: int, steps: int) -> float:
    """Return the examples per second of the processes of one layout, the slowest's."""
    hosts = []
    for _ in layouts:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            hosts.append(f"127.0.0.1:{probe.getsockname()[1]}")
    processes = []
    for index, layout in enumerate(layouts):
        task = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = {"TF_CONFIG": json.dumps(task)} if len(layouts) > 1 else {}
        words = [sys.executable, __file__, "--layout", json.dumps(layout)]
        processes.append(
            subprocess.Popen(
                [*words, "--batch-size", str(size), "--steps", str(steps)],
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
                stdout=subprocess.PIPE,
            )
        )
    told = [process.communicate()[0] for process in processes]
    return min(float(text.split()[-1]) for text in told)


@click.command()
@click.option("--batch-size", default=128, show_default=True)
@click.option("--steps", default=20, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--layout", hidden=True)
def main(batch_size: int, steps: int, rounds: int, layout: str | None) -> None:
    """Compare the layouts, or train on one of them and print its figure."""
    if layout is not None:
        click.echo(train(json.loads(layout), batch_size, steps))
        return
    found: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for _ in range(rounds):
        for name, layouts in LAYOUTS.items():
            found[name].append(measure(layouts, batch_size, steps))
    table = Table("layout", "examples/s, median", "ratio to 1 device, median", "range")
    one = found["1 device"]
    for name, rates in found.items():
        ratios = [rate / base for rate, base in zip(rates, one, strict=True)]
        table.add_row(
            name,
            f"{statistics.median(rates):.0f}",
            f"{statistics.median(ratios):.3f}",
            f"{min(ratios):.3f} to {max(ratios):.3f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
