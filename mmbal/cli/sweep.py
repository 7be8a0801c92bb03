"""`mmbal sweep`: many runs in one folder, one table."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import work_done
from mmbal.cli.console import console, print_json, print_table
from mmbal.cli.judging import compare_runs, tell
from mmbal.cli.options import TypedPath, flag, json_option, recipe_option, with_options
from mmbal.cli.trials import (
    axes_of,
    carry_out,
    engine_options,
    go_on,
    resources_of,
    show_plan,
    trials_of,
    varied_options,
)

if TYPE_CHECKING:
    from mmbal.sweep.folder import Sweep

_ENGINE = ("engine", "address", "gpus_per_trial", "concurrent")


@click.command()
@recipe_option
@with_options(varied_options)
@click.option(
    "--trials",
    "listing",
    type=TypedPath(),
    help="A list of trials: .toml, .csv or .jsonl; each runs with every value given elsewhere.",
)
@click.option(
    "--ablate",
    is_flag=True,
    help="Run each trial also on every single modality and on all but each, and measure linear "
    "probes, unless --set says which evaluations. Where the dataset's options do not tell the "
    "names of modalities, give all of them by --modalities.",
)
@click.option(
    "--out",
    type=TypedPath(),
    required=True,
    help="Folder of the sweep. One that holds a sweep goes on with it; alone, --out suffices.",
)
@with_options(engine_options)
@json_option
@click.pass_context
def sweep(ctx: click.Context, /, *, out: Path, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Run all combinations of strategies, seeds, settings; one table.

    The same command again goes on where it stopped: a finished trial is never run twice.
    More values than before are run in addition.
    """
    from mmbal.registry.discovery import discover
    from mmbal.sweep.folder import Sweep, check_folder, only_sweep

    catalogue = discover()
    trials = trials_of(catalogue, given, axes_of(given), "ablate" if given["ablate"] else "")
    threads = given["cpus_per_trial"]
    check_folder(out, begun=trials is None)
    if dry_run:
        show_plan(Sweep(out, catalogue, trials or (), threads), as_json)
        return
    resources = resources_of(given)
    with only_sweep(out):
        check_folder(out, begun=trials is None)  # a run may have begun there meanwhile
        work = Sweep(out, catalogue, trials or (), threads)
        work.save()
        stop = carry_out(work, resources)
        with work_done():
            _show(work, as_json)
    go_on(ctx, work, stop, _again(out, given))


def _show(work: "Sweep", as_json: bool) -> None:
    """Print the table over seeds, on stdout unless that is for JSON."""
    from mmbal.comparison.tables import comparison_object, comparison_rows

    comparison = compare_runs(work.finished()).comparison
    tell(comparison)
    header, rows = comparison_rows(comparison)
    if rows:
        print_table(console(err=as_json), header, rows)
    counts = ", ".join(f"{number} {state}" for state, number in work.counts.items())
    click.echo(f"{counts}; one row per trial: {work.table}", err=True)
    if as_json:
        print_json(
            {
                "sweep": str(work.folder),
                "table": str(work.table),
                "counts": work.counts,
                "trials": work.rows,
                "comparison": comparison_object(comparison, "selected"),
            }
        )


def _again(out: Path, given: Mapping[str, Any]) -> str:
    """Return the command that goes on."""
    words = ["mmbal", "sweep", "--out", str(out)]
    for name in _ENGINE:
        value = given[name]
        if value is not None:
            words += [flag(name), f"{value:g}" if isinstance(value, float) else str(value)]
    return shlex.join(words)
