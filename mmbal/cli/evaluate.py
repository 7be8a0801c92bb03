"""`mmbal evaluate`: score the weights of a run again."""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from mmbal.cli.console import console, number, plain_table, print_json
from mmbal.cli.options import TypedPath
from mmbal.errors import MmbalError


@click.command()
@click.argument("run", type=TypedPath())
@click.option(
    "--split", type=click.Choice(["test", "validation", "train"]), default="test", show_default=True
)
@click.option(
    "--weights",
    type=click.Choice(["selected", "last"]),
    default="selected",
    show_default=True,
    help="Those of the best validation epoch, or the last ones.",
)
@click.option(
    "--data-dir",
    type=TypedPath(file_okay=False),
    help="Folder of the dataset's files, where neither they nor the run are found.",
)
@click.option(
    "--other-data",
    is_flag=True,
    help="Score what is there, though it is not what the run was trained on.",
)
@click.option("--json", "as_json", is_flag=True, help="Last line of stdout: one JSON object.")
def evaluate(
    run: Path, split: str, weights: str, data_dir: Path | None, other_data: bool, as_json: bool
) -> None:
    """Score the weights of RUN, a folder that `mmbal run` wrote."""
    from mmbal.records.run_folder import RunFolder
    from mmbal.registry.discovery import discover

    config = RunFolder(run).config
    if not config.is_file():
        raise MmbalError(f"{run} is no run: it holds no {config.name}")
    catalogue = discover()
    with redirect_stdout(sys.stderr):
        from mmbal.experiment import evaluate as evaluate_run

        scores = evaluate_run(run, catalogue, split, weights, data_dir, other_data=other_data)
    if as_json:
        print_json(scores)
        return
    table = plain_table("score", f"{split}, {weights} weights")
    for name, value in scores.items():
        if name not in ("run", "split", "weights"):
            table.add_row(name, number(value))
    console().print(table)
