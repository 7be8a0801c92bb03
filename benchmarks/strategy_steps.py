r"""What a step of every strategy costs, beside plain training of the same architecture.

All trials of benchmarks/strategies.toml are trained in turn, an epoch each, round after round in
one process, so that whatever else the machine does falls on all of them. What a strategy does
before an epoch (prototypes, trials) counts in full for those that do it before every one.

    uv run python benchmarks/strategy_steps.py [steps.json] [--rounds 5]

prints the median over rounds of the ratio to `vanilla` and its quartiles; the file has the medians,
for tools/strategies.py.
"""

import json
import random
import statistics
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mmbal.config.origin import Override
from mmbal.config.resolution import resolve
from mmbal.config.settings import RunConfig
from mmbal.config.toml import read_file
from mmbal.data import MultimodalDataset
from mmbal.experiment.building import Run, build_strategy, open_dataset
from mmbal.experiment.fitting import Fitting
from mmbal.progress import Progress
from mmbal.records.checkpoint import Generations
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.discovery import discover
from mmbal.replicas.sums import Replicas

TRIALS = Path(__file__).with_name("strategies.toml")
EPOCHS = 10_000
"""More than are timed; only what a strategy plans by the length of a run depends on it."""


class Timed:
    """One trial, trained an epoch at a time.

    Args:
        config: of the trial.
        catalogue: builds it.
        data: to train on.
        folder: for its files.
    """

    def __init__(
        self, config: RunConfig, catalogue: Catalogue, data: MultimodalDataset, folder: Path
    ) -> None:
        run = Run(config, catalogue, RunFolder(folder), Progress(), Replicas())
        strategy = build_strategy(config, catalogue)
        self._fitting = Fitting(run, data, strategy, Generations(folder))
        self._epoch = 0

    def __call__(self) -> float:
        """Train an epoch; return the seconds per step."""
        batches, epoch = self._fitting.batches, self._epoch
        self._epoch += 1
        started = time.perf_counter()
        batches.start(epoch)
        self._fitting.model.fit(
            batches.dataset, initial_epoch=epoch, epochs=epoch + 1, verbose=0, shuffle=False
        )
        return (time.perf_counter() - started) / batches.length


def key(config: RunConfig) -> str:
    """Return strategy, architecture and optimizer as one text."""
    return f"{config.strategy.name} {config.architecture.name} {config.optimizer.name}"


@click.command()
@click.argument("out", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--rounds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Epochs of each that are timed.",
)
def main(out: Path | None, rounds: int) -> None:
    """Time all trials, print the ratios, and write them into OUT."""
    catalogue = discover()
    configs = []
    for row in read_file(TRIALS).values["trials"]:
        overrides = [Override(name, value, TRIALS.name) for name, value in row.items()]
        overrides.append(Override("epochs", EPOCHS, "epochs"))
        configs.append(resolve(catalogue, "colored-digits", None, overrides).config)
    data = open_dataset(catalogue, configs[0].dataset).load(None, 0)
    with tempfile.TemporaryDirectory() as name:
        timed = {key(c): Timed(c, catalogue, data, Path(name)) for c in configs}
        for run in track(timed.values(), "compiling"):
            run()
        seconds: dict[str, list[float]] = {each: [] for each in timed}
        for number in track(range(rounds), "timing"):
            # Whoever follows a large network pays for cold caches, so the order changes.
            for each in random.Random(number).sample(list(timed), len(timed)):  # noqa: S311
                seconds[each].append(timed[each]())
    ratios = _ratios(seconds)
    _show(ratios)
    if out is not None:
        medians = {name: statistics.median(values) for name, values in ratios.items()}
        out.write_text(json.dumps(medians, indent=1), encoding="utf-8")


def _ratios(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return the ratio of every round to plain training in the same round."""
    ratios = {}
    for name, values in seconds.items():
        plain = seconds[" ".join(["vanilla", *name.split()[1:]])]
        ratios[name] = [value / other for value, other in zip(values, plain, strict=True)]
    return ratios


def _show(ratios: dict[str, list[float]]) -> None:
    table = Table("trial", "ratio (median)", "quartiles")
    for name, values in ratios.items():
        low, median, high = statistics.quantiles(values, method="inclusive")
        table.add_row(name, f"{median:.2f}", f"{low:.2f} .. {high:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
