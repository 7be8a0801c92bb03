r"""Does greed hurt without a shift? A search on planted bits, as one table.

The label is told to `a`, which errs now and then and is quick to learn, and to `b`, which never
errs and is slow. Where plain training stays far below what can be known at a fixed budget, and
something else comes nearer, greed hurts.

    uv run mmbal sweep planted --trials benchmarks/slow.toml --seeds 100-104 --epochs 8 \
        --set dataset.configuration=own --set dataset.train_examples=4000,8000 \
        --set 'dataset.bits=[{kind = "redundant", flips = {a = 0.1, b = 0.0}}]' \
        --set 'dataset.rendered={b = {nuisance=12, parity=3}},{b = {nuisance=12, parity=4}}' \
        --out sweeps/slow
    uv run python tools/slow.py sweeps/slow

The sweep goes on where it was stopped. `slow` marks what lies .05 below the Bayes rule under plain
training and regains half of that.
"""

import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean

import click

from mmbal.records.run_folder import RunFolder

GAP, REGAINED = 0.05, 0.5
Row = dict[str, str]


def bayes_of(folder: Path) -> float:
    """Return the accuracy of the Bayes rule on the data of a run."""
    return float(RunFolder(folder).open().notes["bayes"][-1]["accuracy"])


def data_of(row: Row) -> tuple[str, ...]:
    """Return what a row says of its data and of its architecture, as `name=value`."""
    varying = list(row)[3 : list(row).index("status")]
    told = [f"{name.removeprefix('dataset.')}={row[name]}" for name in varying if row[name]]
    return tuple(each for each in told if not each.startswith("architecture.backbone"))


def rows_of(sweep: Path) -> list[tuple[str, ...]]:
    """Return data, Bayes, strategy, mean accuracy, number of seeds and verdict of every arm."""
    with (sweep / "table.csv").open(encoding="utf-8", newline="") as file:
        finished = [row for row in csv.DictReader(file) if row["status"] == "finished"]
    arms: dict[tuple[str, ...], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    best: dict[tuple[str, ...], float] = {}
    for row in finished:
        data = data_of(row)
        arms[data][row["strategy"]].append(float(row["accuracy"]))
        best.setdefault(data, bayes_of(sweep / row["folder"]))
    rows = []
    for data in sorted(arms):
        plain = mean(arms[data]["vanilla"]) if "vanilla" in arms[data] else float("nan")
        for strategy, found in sorted(arms[data].items(), key=lambda each: each[0] != "vanilla"):
            gap, regained = best[data] - plain, mean(found) - plain
            verdict = "slow" if gap >= GAP and regained >= REGAINED * gap else ""
            cells = (f"{best[data]:.3f}", strategy, f"{mean(found):.3f}", str(len(found)), verdict)
            rows.append((", ".join(data), *cells))
    return rows


@click.command()
@click.argument("sweep", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(sweep: Path) -> None:
    """Print the table of SWEEP."""
    header = ("data", "Bayes", "strategy", "accuracy", "seeds", "verdict")
    for row in (header, ("---",) * len(header), *rows_of(sweep)):
        click.echo(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
