"""`mmbal report`: what came out of runs, finished or not."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmbal.cli.console import console, print_json, print_table, typed
from mmbal.cli.options import TypedPath, score_option
from mmbal.cli.summary import print_summary
from mmbal.errors import DataFormatError

if TYPE_CHECKING:
    from mmbal.records.record import Record


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...", type=TypedPath())
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object on stdout; a list of several RUNs."
)
@click.option(
    "--plot",
    metavar="FILE",
    type=TypedPath(dir_okay=False),
    help="Draw training curves and utilization; PNG, SVG or PDF by suffix.",
)
@score_option
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
    wanted: tuple[str, ...],
    tables: tuple[str, ...],
    schema: bool,
) -> None:
    """Show what came out of RUNs, finished or not.

    A RUN is a folder that `mmbal run` wrote, or its record.h5.

    A run that was killed or still runs is shown as far as it got.
    """
    if schema:
        from mmbal.records.schema import schema_markdown

        click.echo(schema_markdown())
    if not runs:
        if schema and plot is None:
            return
        raise click.UsageError("expected at least one RUN, or --schema alone")
    if plot is not None:
        from mmbal.report.curves import check_format

        check_format(plot)
    records = open_records(runs)
    if as_json:
        from mmbal.report.outcome import outcome

        results = [outcome(record, run) for run, record in records.items()]
        print_json(results[0] if len(results) == 1 else results)
    else:
        for run, record in records.items():
            _show(run, record, wanted)
            _show_tables(run, record, tables)
    if plot is not None:
        from mmbal.report.curves import save_curves

        save_curves(records, plot)
        click.echo(f"wrote {plot}", err=True)


def open_records(runs: Sequence[Path]) -> "dict[str, Record]":
    """Open runs, each once however often it was named; what was rebuilt goes to stderr.

    Of several, those that are damaged, or ended before they began, are left out, and named on
    stderr.
    """
    from mmbal.records.record_file import read_record
    from mmbal.records.run_folder import RunFolder

    tell = partial(click.echo, err=True)
    once: dict[str, Path] = {}
    for run in runs:
        once.setdefault(os.path.realpath(run), run)
    records: dict[str, Record] = {}
    for run in once.values():
        try:
            records[str(run)] = read_record(run) if run.is_file() else RunFolder(run).open(tell)
        except DataFormatError as error:
            if len(once) == 1:
                raise
            tell(f"left out: {error}")
    return records


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
