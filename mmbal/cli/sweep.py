"""`mmbal sweep`: many runs in one folder, one table."""

import shlex
import signal
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import INTERRUPTED, PREEMPTED, work_done
from mmbal.cli.compare import compare_runs
from mmbal.cli.completion import keys, names_of
from mmbal.cli.console import console, literal, print_json, print_table
from mmbal.cli.options import (
    TypedPath,
    architecture_option,
    batch_size_option,
    config_option,
    data_dir_option,
    dataset_option,
    epochs_option,
    evaluation_option,
    evaluation_setting,
    flag,
    flags,
    json_option,
    modalities_option,
    recipe_option,
)
from mmbal.cli.progress import SweepProgress

if TYPE_CHECKING:
    from mmbal.registry.catalogue import Catalogue
    from mmbal.sweep.folder import Sweep
    from mmbal.sweep.job import Resources
    from mmbal.sweep.plan import Trial

_FAILED = 1
_FIXED = ("dataset", "architecture", "modalities", "epochs", "batch_size", "data_dir")
_PROBE = "linear-probe"
"""What tells beside runs of single modalities how much of each the joint run has learned."""
_ENGINE = ("engine", "address", "gpus_per_trial", "concurrent")


@click.command()
@recipe_option
@dataset_option
@architecture_option
@click.option(
    "--strategy",
    "strategies",
    metavar="NAME,...",
    help="One or more, such as guided,vanilla.",
    shell_complete=names_of("strategy"),
)
@click.option("--seeds", metavar="SEEDS", help="Such as 0-4 or 0,2,5.")
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE,...",
    multiple=True,
    help="Any setting and its values, such as strategy.tolerance=0.1,0.2; commas inside quotes "
    "or brackets part nothing. guided.tolerance=0.1 is for that strategy alone. Repeatable.",
    shell_complete=keys,
)
@click.option(
    "--trials",
    "listing",
    type=TypedPath(),
    help="A list of trials: .toml, .csv or .jsonl; each runs with every value given elsewhere.",
)
@modalities_option
@click.option(
    "--ablate",
    is_flag=True,
    help="Run each trial also on every single modality and on all but each, and measure linear "
    "probes, unless --set says which evaluations. Where the dataset's options do not tell the "
    "names of modalities, give all of them by --modalities.",
)
@evaluation_option
@config_option
@epochs_option
@batch_size_option
@data_dir_option
@click.option(
    "--out",
    type=TypedPath(),
    required=True,
    help="Folder of the sweep. One that holds a sweep goes on with it; alone, --out suffices.",
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "ray"]),
    help="Processes of this machine, or Ray; by default Ray where --address is given.",
)
@click.option("--address", metavar="ADDR", help="Of a Ray cluster, or auto.")
@click.option(
    "--cpus-per-trial",
    type=click.IntRange(1),
    help="Threads of each trial; by default 1. Another number ends in other digits.",
)
@click.option(
    "--gpus-per-trial",
    type=click.FloatRange(0),
    help="By default 1 where there are GPUs; on Ray also a share such as 0.5.",
)
@click.option(
    "--concurrent", type=click.IntRange(1), help="Most trials at once; by default all that fit."
)
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="Of a trial whose process died.",
)
@click.option("--dry-run", is_flag=True, help="Check and list all trials, and stop.")
@json_option
@click.pass_context
def sweep(ctx: click.Context, /, *, out: Path, dry_run: bool, as_json: bool, **given: Any) -> None:
    """Run all combinations of strategies, seeds, settings; one table.

    The same command again goes on where it stopped: a finished trial is never run twice.
    More values than before are run in addition.
    """
    from mmbal.registry.discovery import discover
    from mmbal.sweep.engine import check
    from mmbal.sweep.folder import Sweep, check_folder, only_sweep
    from mmbal.sweep.job import Resources

    catalogue = discover()
    trials = _trials(catalogue, given)
    threads = given["cpus_per_trial"]
    check_folder(out, begun=trials is None)
    if dry_run:
        _show_plan(Sweep(out, catalogue, trials or (), threads), as_json)
        return
    resources = Resources(
        engine=given["engine"] or ("ray" if given["address"] else "processes"),
        address=given["address"],
        gpus=given["gpus_per_trial"],
        concurrent=given["concurrent"],
        retries=given["retries"],
    )
    check(resources)
    with only_sweep(out):
        check_folder(out, begun=trials is None)  # a run may have begun there meanwhile
        work = Sweep(out, catalogue, trials or (), threads)
        work.save()
        stop = _run(work, replace(resources, threads=work.threads))
        with work_done():
            _show(work, as_json)
    if work.pending:
        purpose = "go on" if stop else "try again what failed"
        click.echo(f"to {purpose}:  {_again(out, given)}", err=True)
        ctx.exit(stop or _FAILED)


def _trials(catalogue: "Catalogue", given: Mapping[str, Any]) -> "list[Trial] | None":
    """Return what is asked for, the slowest axes first; None where only a folder is named."""
    from mmbal.sweep.axes import assignment_axis, fixed, listed_axis, seed_axis, strategy_axis
    from mmbal.sweep.plan import make_trials

    axes = [
        fixed(key, given[key], shlex.join(flags(key, given[key])))
        for key in _FIXED
        if given[key] is not None
    ]
    axes += [fixed(*each) for each in _evaluations(given)]
    if given["listing"] is not None:
        axes.append(listed_axis(given["listing"]))
    if given["strategies"] is not None:
        axes.append(strategy_axis(given["strategies"]))
    axes += map(assignment_axis, given["assignments"])
    if given["seeds"] is not None:
        axes.append(seed_axis(given["seeds"]))
    recipe, file, ablate = given["recipe"], given["file"], given["ablate"]
    if not axes and not ablate and recipe is None and file is None:
        return None
    return make_trials(catalogue, recipe, file, axes, ablate=ablate)


def _evaluations(given: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return what adds evaluations to those of the recipe."""
    added = [evaluation_setting(name) for name in dict.fromkeys(given["evaluations"])]
    chosen = any(text.startswith("evaluations") for text in given["assignments"])
    if given["ablate"] and not chosen and _PROBE not in given["evaluations"]:
        added.append(evaluation_setting(_PROBE, "--ablate"))
    return added


def _run(work: "Sweep", resources: "Resources") -> int:
    """Run what is pending; return the exit code where a signal stopped it, else 0."""
    from mmbal.sweep.engine import run_all

    progress = SweepProgress(console(err=True), len(work.trials), work.counts)
    # What Ray prints must not end up in the table.
    with progress, redirect_stdout(sys.stderr):
        try:
            if work.pending:
                run_all(
                    work.pending,
                    resources,
                    lambda name, outcome: progress.heard(work.hear(name, outcome)),
                    progress.notice,
                )
        except KeyboardInterrupt as stop:
            return PREEMPTED if {*stop.args} & {signal.SIGTERM, signal.SIGHUP} else INTERRUPTED
    return 0


def _show_plan(work: "Sweep", as_json: bool) -> None:
    """Print what would run."""
    names = ["trial", "strategy", "seed", *work.varying, "status"]
    if as_json:
        print_json({"sweep": str(work.folder), "counts": work.counts, "trials": work.rows})
        return
    # A setting of "none" is text; None is that of a trial which does not have it.
    rows = [["-" if row[n] is None else literal(row[n]) for n in names] for row in work.rows]
    print_table(console(), names, rows)
    click.echo(f"{len(work.pending)} of {len(work.trials)} trials would run", err=True)


def _show(work: "Sweep", as_json: bool) -> None:
    """Print the table over seeds, on stdout unless that is for JSON."""
    from mmbal.report.tables import comparison_object, comparison_rows

    finished = [row for row in work.rows if row["status"] == "finished"]
    comparison = compare_runs([work.folder / row["folder"] for row in finished])
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
