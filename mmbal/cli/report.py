"""`mmbal report`: what came out of runs, finished or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.console import console, print_json, print_table, typed
from mmbal.cli.judging import (
    check_files,
    compare_runs,
    judging_options,
    open_records,
    plot_option,
    write_files,
)
from mmbal.cli.options import TypedPath, flag, with_options
from mmbal.cli.summary import print_summary

if TYPE_CHECKING:
    from mmbal.records.record import Record


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=TypedPath())
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout; a list of several RUNs."
)
@plot_option
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=TypedPath(dir_okay=False),
    help="Write a page of all RUNs: verdicts, figures, tables; one .html file, nothing else.",
)
@with_options(judging_options)
@click.option(
    "--table",
    "tables",
    metavar="GLOB",
    multiple=True,
    help="Show these tables of evaluations too, such as 'confusion*'. Repeatable.",
)
@click.option("--schema", is_flag=True, help="Describe record.h5, as Markdown.")
def report(
    runs: tuple[Path, ...],
    as_json: bool,
    plot: Path | None,
    page: Path | None,
    wanted: tuple[str, ...],
    tables: tuple[str, ...],
    schema: bool,
    **judged: Any,
) -> None:
    """Show what came out of RUNs, finished or not.

    A RUN is a folder that `mmbal run` wrote, or its record.h5; the folder of a sweep or a
    comparison stands for its finished runs. --baseline, --weights, --ledger and --tuned are of
    --html and --plot, as of `mmbal compare`.

    A run that was killed or still runs is shown as far as it got.
    """
    if schema:
        from mmbal.records.schema import schema_markdown

        click.echo(schema_markdown())
    if not runs:
        if schema and plot is None and page is None:
            return
        raise click.UsageError("expected at least one RUN, or --schema alone")
    check_files(plot, page)
    asked = [flag(key) for key, value in judged.items() if value and value != "selected"]
    if asked and not (plot or page):
        raise click.UsageError(f"{asked[0]} is of --html and --plot: name one of them, too")
    records = open_records(runs)
    if as_json:
        from mmbal.report.outcome import outcome

        results = [outcome(record, run) for run, record in records.items()]
        print_json(results[0] if len(results) == 1 else results)
    elif tables or not (plot or page):
        for run, record in records.items():
            _show(run, record, wanted)
            _show_tables(run, record, tables)
    if plot or page:
        write_files(compare_runs(runs, wanted=wanted, records=records, **judged), plot, page)


def _show(run: str, record: "Record", wanted: Sequence[str]) -> None:
    from mmbal.report.outcome import matching, outcome

    result = outcome(record, run)
    out = console()
    print_summary(out, result, (), matching(wanted, result["test"] or {}))
    state = {
        "interrupted": f"interrupted ({record.stop_reason or 'no reason given'})",
        "unfinished": "no end in the journal: killed, or still running",
    }.get(record.status)
    if state is not None:
        progress = f"{result['epochs']} of {record.epochs} epochs and {result['steps']} steps"
        out.print(f"{state}; finished {progress}", soft_wrap=True)
    for warning in record.warnings:
        out.print(f"warning: {warning}", soft_wrap=True)


def _show_tables(run: str, record: "Record", wanted: Sequence[str]) -> None:
    """Print tables of evaluations that are asked for, or tell which there are."""
    from mmbal.report.outcome import matching
    from mmbal.report.tables import numbers_along_axes

    names = [*dict.fromkeys(table["name"] for table in record.tables.values())]
    out, shown = console(), matching(wanted, names, "table")
    if names and not wanted:
        out.print(f"tables: {', '.join(names)}", soft_wrap=True)
        out.print(f"  mmbal report {typed(run)} --table NAME", soft_wrap=True)
    for key, table in record.tables.items():
        if table["name"] in shown:
            of = f"{table['split']}, {table['weights']} weights"
            title = ": ".join(filter(None, (table["name"], table["description"])))
            out.print(f"\n{title} ({of})", soft_wrap=True)
            print_table(out, *numbers_along_axes(table["axes"], record.arrays[key]))
