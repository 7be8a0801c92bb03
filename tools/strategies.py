r"""All strategies on colored-digits, five seeds each, at equal epochs: one table for the docs.

    uv run mmbal sweep --plugin colored-digits --trials benchmarks/strategies.toml --seeds 0-4 \
        --epochs 24 --out sweeps/strategies
    uv run python benchmarks/strategy_steps.py steps.json
    uv run python tools/strategies.py sweeps/strategies steps.json docs/strategies.md

The last command writes the table between the two markers of the page. Accuracies are those of the
weights that validation selected, on the test digits, which nothing was tuned on.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import click
import tomlkit

from mmbal.comparison.arms import statistic
from mmbal.records.record import Record
from mmbal.records.run_folder import RunFolder

BEGIN, END = "<!-- table of strategies -->", "<!-- end of the table -->"
SCORES = ("accuracy", "/gray", "/color", "d_util")
HEADER = (
    "strategy", "architecture", "optimizer", "fused", "gray's part", "color's part", "d_util",
    "step",
)  # fmt: skip
Key = tuple[str, str, str]


def optimizer_of(record: Record) -> str:
    """Return the name of the optimizer of a run."""
    return str(tomlkit.parse(record.config).unwrap()["optimizer"]["name"])


def groups_of(sweep: Path) -> dict[Key, dict[int, Record]]:
    """Return strategy, architecture and optimizer to the record of every seed."""
    groups: dict[Key, dict[int, Record]] = defaultdict(dict)
    for run in sorted((sweep / "trials").iterdir()):
        record = RunFolder(run).open()
        key = (record.strategy, record.architecture, optimizer_of(record))
        groups[key][record.seed] = record
    return groups


def spread(values: list[float], digits: int) -> str:
    """Return mean and sample deviation as text."""
    found = statistic(values)
    return f"{found.mean:.{digits}f} ± {found.deviation:.{digits}f}"


def rows_of(groups: dict[Key, dict[int, Record]], steps: dict[str, float]) -> list[tuple[str, ...]]:
    """Return the cells of the table, plain training first."""
    rows = []
    order = sorted(groups, key=lambda key: (key[1:], key[0] != "vanilla", key[0]))
    for key in order:
        scores = [record.scores["test", "selected"] for record in groups[key].values()]
        cells = [spread([_score(each, name) for each in scores], 3) for name in SCORES]
        rows.append((*key, *cells, f"{steps[' '.join(key)]:.2f}"))
    return rows


def _score(scores: Mapping[str, float], name: str) -> float:
    """Return a score; of a modality, that of its branch or slice."""
    kinds = ("branch_accuracy", "slice_accuracy", "accuracy") if name.startswith("/") else ("",)
    return next(scores[kind + name] for kind in kinds if kind + name in scores)


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(HEADER), " | ".join("---" for _ in HEADER)]
    return "\n".join(f"| {line} |" for line in [*lines, *(" | ".join(row) for row in rows)])


@click.command()
@click.argument("sweep", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("steps", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(sweep: Path, steps: Path, page: Path) -> None:
    """Write the table of SWEEP, with the times in STEPS, into PAGE."""
    ratios = json.loads(steps.read_text(encoding="utf-8"))
    table = markdown(rows_of(groups_of(sweep), ratios))
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise click.UsageError(f"{page} must hold {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    click.echo(table)


if __name__ == "__main__":
    main()
