"""`mmbal compare`: several runs in one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmbal.cli.console import console, print_json, print_table
from mmbal.cli.options import TypedPath, score_option
from mmbal.cli.report import open_records

if TYPE_CHECKING:
    from mmbal.report.comparison import Comparison


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=TypedPath())
@click.option(
    "--weights",
    type=click.Choice(["selected", "last"]),
    default="selected",
    show_default=True,
    help="Test scores of the best validation epoch's weights, or of the last ones.",
)
@score_option
@click.option("--markdown", is_flag=True, help="A Markdown table on stdout.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def compare(
    runs: tuple[Path, ...], weights: str, wanted: tuple[str, ...], markdown: bool, as_json: bool
) -> None:
    """Compare the test scores of RUNs over their seeds.

    Runs that differ in nothing but the seed share a row: mean ± sample standard deviation.
    """
    if markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    comparison = compare_runs(runs, weights, wanted)
    from mmbal.report.tables import comparison_object, comparison_rows, markdown_table

    if as_json:
        print_json(comparison_object(comparison, weights))
        return
    header, rows = comparison_rows(comparison)
    if markdown:
        click.echo(markdown_table(header, rows))
    elif rows:
        print_table(console(), header, rows)


def compare_runs(
    runs: Sequence[Path], weights: str = "selected", wanted: Sequence[str] = ()
) -> "Comparison":
    """Compare runs; what the reader should know goes to stderr."""
    records = open_records(runs)
    from mmbal.report.comparison import compare_records

    comparison = compare_records(records, weights, wanted)
    for remark in comparison.remarks:
        click.echo(remark, err=True)
    for score, meaning in comparison.meanings.items():
        click.echo(f"{score}: {meaning}", err=True)
    return comparison
