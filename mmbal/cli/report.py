"""`mmbal report`: what came out of runs, finished or not."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmbal.cli.console import console, print_json, print_table, typed
from mmbal.cli.options import TypedPath, score_option
from mmbal.cli.summary import print_summary
from mmbal.errors import DataFormatError, MmbalError, counted

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
@click.option(
    "--html",
    "page",
    metavar="FILE",
    type=TypedPath(dir_okay=False),
    help="Write a page of all RUNs: verdicts, figures, tables; one .html file, nothing else.",
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
    page: Path | None,
    wanted: tuple[str, ...],
    tables: tuple[str, ...],
    schema: bool,
) -> None:
    """Show what came out of RUNs, finished or not.

    A RUN is a folder that `mmbal run` wrote, or its record.h5; the folder of a sweep or a
    comparison stands for its finished runs.

    A run that was killed or still runs is shown as far as it got.
    """
    if schema:
        from mmbal.records.schema import schema_markdown

        click.echo(schema_markdown())
    if not runs:
        if schema and plot is None and page is None:
            return
        raise click.UsageError("expected at least one RUN, or --schema alone")
    if plot is not None:
        from mmbal.report.curves import check_format

        check_format(plot)
    if page is not None:
        from mmbal.page.markup import check_suffix

        check_suffix(page)
    records = open_records([each for run in runs for each in _finished(run)])
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
    if page is not None:
        _save_page(records, page)


def _finished(path: Path) -> list[Path]:
    """Return the finished runs of a sweep's folder; of any other the path itself.

    Raises:
        MmbalError: the sweep has finished none.
    """
    from mmbal.sweep.table import PLAN, TRIALS

    if not (path / PLAN).is_file():
        return [path]
    from mmbal.records.run_folder import RunFolder

    trials = sorted(each for each in (path / TRIALS).glob("*") if each.is_dir())
    finished = []
    for trial in trials:
        try:
            finished += [trial] if RunFolder(trial).status() == "finished" else []
        except DataFormatError as error:
            click.echo(f"left out: {error}", err=True)
    if left := len(trials) - len(finished):
        click.echo(f"left out: {counted(left, 'run')} of {path} not finished", err=True)
    if not finished:
        raise MmbalError(f"{path} holds no finished run yet")
    return finished


def _save_page(records: "Mapping[str, Record]", path: Path) -> None:
    from mmbal.comparison.comparing import compare_records, usual_baseline
    from mmbal.page.document import save_page
    from mmbal.registry.discovery import discover

    baseline, catalogue = usual_baseline(records), discover()
    comparison = compare_records(records, baseline=baseline, catalogue=catalogue)
    save_page(comparison, records, path, catalogue)
    click.echo(f"wrote {path}", err=True)


def open_records(runs: Sequence[Path]) -> "dict[str, Record]":
    """Open runs; what was rebuilt or left out goes to stderr."""
    from mmbal.records.listing import open_runs

    tell = partial(click.echo, err=True)
    return open_runs(runs, tell, tell)


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
