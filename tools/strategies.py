r"""All strategies on colored-digits: the tables of the docs, with controls and verdicts.

    uv run python tools/strategies.py comparisons/mmtm comparisons/late comparisons/late-sgd \
        --steps steps.json --page docs/strategies.md --readme README.md

writes between the two markers of both pages; docs/strategies.md has the commands that make the
comparisons. Accuracies are those of the weights that validation selected, on the test digits, which
nothing was tuned on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import tomlkit
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.records.run_folder import RunFolder

BEGIN, END = "<!-- table of strategies -->", "<!-- end of the table -->"
SCORES = ("accuracy", "/gray", "/color", "d_util")
HEADER = ("strategy", "fused", "gray's part", "color's part", "d_util", "fused, against vanilla")
Group = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What `mmbal compare` says of a folder, and what all of its arms have in common."""

    groups: Sequence[Group]
    architecture: str
    optimizer: str

    @property
    def arms(self) -> list[Group]:
        """The strategies, plain training first, then by name."""
        found = [each for each in self.groups if not each["control"]]
        return sorted(found, key=lambda each: (each["strategy"] != "vanilla", each["strategy"]))

    @property
    def controls(self) -> list[Group]:
        """Each modality alone, and the ensemble of these."""
        return [each for each in self.groups if each["control"]]


def read(folder: Path) -> Comparison:
    """Compare the runs of a folder.

    Raises:
        click.ClickException: `mmbal compare` refuses them.
    """
    done = CliRunner().invoke(cli, ["compare", str(folder), "--json"])
    if done.exit_code:
        raise click.ClickException(done.stderr)
    groups = json.loads(done.stdout.splitlines()[-1])["groups"]
    record = RunFolder(Path(groups[0]["runs"][0])).open()
    optimizer = tomlkit.parse(record.config).unwrap()["optimizer"]["name"]
    return Comparison(groups, record.architecture, str(optimizer))


def table(comparison: Comparison, steps: Mapping[str, float]) -> str:
    """Return the table of a comparison for the page of strategies."""
    place = f"{comparison.architecture} {comparison.optimizer}"
    rows: list[tuple[str, ...]] = []
    for arm in comparison.arms:
        step = steps.get(f"{arm['strategy']} {place}", float("nan"))
        rows.append((arm["strategy"], *_cells(arm), verdict(arm), f"{step:.2f}"))
    rows += [(f"*{arm['label']}*", *_cells(arm), verdict(arm), "") for arm in comparison.controls]
    header: tuple[str, ...] = (*HEADER, "step")
    if not steps:
        header, rows = HEADER, [row[:-1] for row in rows]
    title = f"### {comparison.architecture}, {comparison.optimizer}"
    return f"{title}\n\n{_markdown(header, rows)}"


def summary(comparisons: Sequence[Comparison]) -> str:
    """Return what the front page says: a row for each that differs, the others in a sentence.

    Every strategy stands there once, on the first architecture that has it.
    """
    arms: dict[str, tuple[Comparison, Group]] = {}
    for comparison in comparisons:
        for arm in comparison.arms[1:]:
            arms.setdefault(arm["strategy"], (comparison, arm))
    rows, others = [], []
    for name, (comparison, arm) in arms.items():
        if verdict(arm).startswith("no difference"):
            others.append(f"`{name}`")
        else:
            fused = (_statistic(each, "accuracy") for each in (arm, comparison.arms[0]))
            rows.append((name, comparison.architecture, *fused, verdict(arm)))
    header = ("strategy", "on", "fused", "plain", "verdict: difference (interval)")
    said = f"\n\nNo difference shown: {', '.join(others)}." if others else ""
    return _markdown(header, rows) + said


def verdict(arm: Group) -> str:
    """Return what is said of the fused accuracy of an arm against plain training."""
    said = next((each for each in arm["verdicts"] if each["score"] == "accuracy"), None)
    return said["text"].partition(", ")[0] if said else ""


def _cells(arm: Group) -> list[str]:
    return [_statistic(arm, name) for name in SCORES]


def _statistic(arm: Group, name: str) -> str:
    """Return mean ± deviation of a score; of a modality, that of its branch or slice."""
    kinds = ("branch_accuracy", "slice_accuracy") if name.startswith("/") else ("",)
    found = (arm["statistics"].get(kind + name) for kind in kinds)
    value = next((each for each in found if each and each["mean"] is not None), None)
    return f"{value['mean']:.3f} ± {value['deviation']:.3f}" if value else ""


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header), *map(" | ".join, rows)]
    return "\n".join(f"| {line} |" for line in lines)


def replace(page: Path, text: str) -> None:
    """Put text between the markers of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise click.UsageError(f"{page} must hold {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--steps", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--readme", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(
    folders: Sequence[Path], steps: Path | None, page: Path | None, readme: Path | None
) -> None:
    """Make tables of the comparisons in FOLDERS."""
    comparisons = [read(folder) for folder in folders]
    ratios = json.loads(steps.read_text(encoding="utf-8")) if steps else {}
    tables = "\n\n".join(table(each, ratios) for each in comparisons)
    click.echo(f"{tables}\n\n{summary(comparisons)}")
    if page:
        replace(page, tables)
    if readme:
        replace(readme, summary(comparisons))


if __name__ == "__main__":
    main()
