"""`mmbal evaluate`: score the weights of runs again, or by something else."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.completion import keys, names_of
from mmbal.cli.console import console, number, plain_table, print_json
from mmbal.cli.judging import open_records
from mmbal.cli.options import TypedPath, save_predictions_option, score_option
from mmbal.errors import MmbalError

if TYPE_CHECKING:
    from mmbal.registry.catalogue import Catalogue

ALONE = {"split": "test", "weights": "selected", "other_data": False, "save_predictions": None}
"""Options that --card leaves as they are."""


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=TypedPath())
@click.option(
    "--evaluation",
    "names",
    metavar="NAME",
    multiple=True,
    help="Apply this, and keep its scores in the record; without, score as the run did. "
    "Repeatable.",
    shell_complete=names_of("evaluation"),
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="An option of an evaluation, as evaluations.NAME.OPTION=VALUE. Repeatable.",
    shell_complete=keys,
)
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
    help="Score what is there, though it is not what the run was trained on; nothing is recorded.",
)
@click.option(
    "--card",
    is_flag=True,
    help="What the measures say of each modality, side by side and in words; one card of RUNs "
    "that differ in their seeds alone.",
)
@save_predictions_option
@score_option
@click.option("--json", "as_json", is_flag=True, help="Last line of stdout: one JSON object.")
def evaluate(
    *,
    runs: tuple[Path, ...],
    names: tuple[str, ...],
    assignments: tuple[str, ...],
    wanted: tuple[str, ...],
    card: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Score the weights of RUNs, folders that `mmbal run` wrote.

    With --evaluation: by any evaluation that is installed (`mmbal plugins --kind evaluation`).
    """
    from mmbal.cli.progress import ConsoleProgress
    from mmbal.config.assignment import parse_assignment
    from mmbal.records.run_folder import RunFolder
    from mmbal.registry.discovery import discover

    for run in runs:
        config = RunFolder(run).config
        if not config.is_file():
            raise MmbalError(f"{run} is no run: it holds no {config.name}")
    catalogue = discover()
    if card:
        if names or assignments or wanted or {**options, **ALONE} != options:
            raise click.UsageError("--card goes with RUN, --data-dir and --json alone")
        _show_card(runs, catalogue, options["data_dir"], as_json=as_json)
        return
    overrides = [*map(parse_assignment, assignments)]
    results = []
    with ConsoleProgress(console(err=True)) as progress, redirect_stdout(sys.stderr):
        from mmbal.experiment import evaluate as evaluate_run

        for run in runs:
            options |= {"wanted": names, "overrides": overrides, "progress": progress}
            options["save_predictions"] = bool(options["save_predictions"])
            results.append(evaluate_run(run, catalogue, **options))
    if as_json:
        print_json(results[0] if len(results) == 1 else results)
        return
    for result in results:
        _show(result, names, wanted)


def _show_card(
    runs: Sequence[Path], catalogue: "Catalogue", data_dir: Path | None, *, as_json: bool
) -> None:
    """Have a plugin make the card; measures that it misses are taken and recorded."""
    from mmbal.cli.progress import ConsoleProgress
    from mmbal.records import FinishedRun, Record, RunFolder
    from mmbal.report.verdict import unimodal_runs

    with ConsoleProgress(console(err=True)) as progress:

        def measure(run: Path, names: Sequence[str]) -> Record:
            from mmbal.experiment import evaluate as evaluate_run

            evaluate_run(
                run, catalogue, "test", "selected", data_dir, wanted=names, progress=progress
            )
            return RunFolder(run).open()

        card = catalogue.card(
            FinishedRun(run, record, unimodal_runs(Path(run), record), partial(measure, Path(run)))
            for run, record in open_records(runs).items()
        )
    if as_json:
        print_json(card.values)
    else:
        console().print(card)


def _show(result: Mapping[str, Any], names: Sequence[str], wanted: Sequence[str]) -> None:
    """Print the scores of a run, and what its record has now that it had not."""
    from mmbal.report.outcome import error_name, matching

    told = ("run", "split", "weights", "added")
    scores = {name: value for name, value in result.items() if name not in told}
    errors = {error_name(name) for name in scores} & {*scores}
    shown = matching(wanted, scores) if wanted else [name for name in scores if name not in errors]
    table = plain_table("score", f"{result['split']}, {result['weights']} weights", "±")
    for name in shown:
        error = scores.get(error_name(name))
        table.add_row(name, number(scores[name]), "" if error is None else number(error))
    out = console()
    out.print(f"{result['run']}", soft_wrap=True)
    out.print(table)
    for name in names:
        state = "now in the record" if name in result["added"] else "in the record already"
        click.echo(f"{name}: {state}", err=True)
