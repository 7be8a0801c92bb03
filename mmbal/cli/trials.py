"""What `mmbal sweep` and `mmbal compare RECIPE` share: options, and running what they ask for."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import INTERRUPTED, PREEMPTED
from mmbal.cli.completion import keys, names_of
from mmbal.cli.console import console, literal, print_json, print_table
from mmbal.cli.options import (
    architecture_option,
    batch_size_option,
    config_option,
    data_dir_option,
    dataset_option,
    epochs_option,
    evaluation_option,
    evaluation_setting,
    flags,
    modalities_option,
)
from mmbal.cli.progress import SweepProgress
from mmbal.errors import counted

if TYPE_CHECKING:
    from mmbal.registry.catalogue import Catalogue
    from mmbal.sweep.axes import Axis
    from mmbal.sweep.folder import Sweep
    from mmbal.sweep.job import Resources
    from mmbal.sweep.plan import Fewer, Trial

FAILED = 1
PAUSE = 1.0
"""Seconds between two looks at the trials that run."""
_FIXED = ("dataset", "architecture", "modalities", "epochs", "batch_size", "data_dir")
_PROBE = "linear-probe"
"""What tells beside runs of single modalities how much of each the joint run has learned."""

varied_options = (
    dataset_option,
    architecture_option,
    click.option(
        "--strategy",
        "strategies",
        metavar="NAME,...",
        help="One or more, such as guided,vanilla.",
        shell_complete=names_of("strategy"),
    ),
    click.option("--seeds", metavar="SEEDS", help="Such as 0-4 or 0,2,5."),
    click.option(
        "--set",
        "assignments",
        metavar="KEY=VALUE,...",
        multiple=True,
        help="Any setting and its values, such as strategy.tolerance=0.1,0.2; commas inside quotes "
        "or brackets part nothing. guided.tolerance=0.1 is for that strategy alone. Repeatable.",
        shell_complete=keys,
    ),
    modalities_option,
    evaluation_option,
    config_option,
    epochs_option,
    batch_size_option,
    data_dir_option,
)
engine_options = (
    click.option(
        "--engine",
        type=click.Choice(["processes", "ray"]),
        help="Processes of this machine, or Ray; by default Ray where --address is given.",
    ),
    click.option("--address", metavar="ADDR", help="Of a Ray cluster, or auto."),
    click.option(
        "--cpus-per-trial",
        type=click.IntRange(1),
        help="Threads of each trial; by default 1. Another number ends in other digits.",
    ),
    click.option(
        "--gpus-per-trial",
        type=click.FloatRange(0),
        help="By default 1 where there are GPUs; on Ray also a share such as 0.5.",
    ),
    click.option(
        "--concurrent", type=click.IntRange(1), help="Most trials at once; by default all that fit."
    ),
    click.option(
        "--retries",
        type=click.IntRange(0),
        default=2,
        show_default=True,
        help="Of a trial whose process died.",
    ),
    click.option("--dry-run", is_flag=True, help="Check and list all trials, and stop."),
)


def axes_of(given: Mapping[str, Any]) -> "list[Axis]":
    """Return what is asked for as axes, the slowest first."""
    from mmbal.sweep.axes import assignment_axis, fixed, listed_axis, seed_axis, strategy_axis

    axes = [
        fixed(key, given[key], shlex.join(flags(key, given[key])))
        for key in _FIXED
        if given[key] is not None
    ]
    axes += [fixed(*each) for each in _evaluations(given)]
    if given.get("listing") is not None:
        axes.append(listed_axis(given["listing"]))
    if given["strategies"] is not None:
        axes.append(strategy_axis(given["strategies"]))
    axes += map(assignment_axis, given["assignments"])
    if given["seeds"] is not None:
        axes.append(seed_axis(given["seeds"]))
    return axes


def _evaluations(given: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Return what adds evaluations to those of the recipe."""
    added = [evaluation_setting(name) for name in dict.fromkeys(given["evaluations"])]
    chosen = any(text.startswith("evaluations") for text in given["assignments"])
    asking = {"--ablate": given.get("ablate"), "mmbal compare": "no_controls" in given}
    if any(asking.values()) and not chosen and _PROBE not in given["evaluations"]:
        added.append(evaluation_setting(_PROBE, next(name for name in asking if asking[name])))
    return added


def trials_of(
    catalogue: "Catalogue", given: Mapping[str, Any], axes: "list[Axis]", fewer: "Fewer"
) -> "list[Trial] | None":
    """Return what is asked for; None where only a folder is named."""
    from mmbal.sweep.plan import make_trials

    recipe, file = given["recipe"], given["file"]
    if not axes and not fewer and recipe is None and file is None:
        return None
    late = given.get("late", False)
    return make_trials(catalogue, recipe, file, axes, fewer=fewer, late=late)


def _resources_of(given: Mapping[str, Any]) -> "Resources":
    """Return what trials run on.

    Raises:
        MmbalError: it is not there.
    """
    from mmbal.sweep.engine import check
    from mmbal.sweep.job import Resources

    resources = Resources(
        engine=given["engine"] or ("ray" if given["address"] else "processes"),
        address=given["address"],
        gpus=given["gpus_per_trial"],
        concurrent=given["concurrent"],
        retries=given["retries"],
    )
    check(resources)
    return resources


def make_runs(
    out: Path,
    catalogue: "Catalogue",
    trials: "Sequence[Trial] | None",
    given: Mapping[str, Any],
    *,
    as_json: bool,
    announced: bool = False,
) -> "tuple[Sweep, int] | None":
    """Make the runs that are missing in a folder; None where they were to be listed alone.

    They are `announced` where their options do not name them all.

    Returns:
        The sweep, and the exit code where a signal stopped it, else 0.
    """
    from mmbal.sweep.folder import Sweep, check_folder, only_sweep

    begun, threads = trials is None, given["cpus_per_trial"]
    check_folder(out, begun=begun)
    if given["dry_run"]:
        _show_plan(Sweep(out, catalogue, trials or (), threads), as_json)
        return None
    resources = _resources_of(given)
    with only_sweep(out):
        check_folder(out, begun=begun)  # a run may have begun there meanwhile
        work = Sweep(out, catalogue, trials or (), threads)
        work.save()
        if announced:
            _announce(work, resources)
        return work, _carry_out(work, resources)


def _announce(work: "Sweep", resources: "Resources") -> None:
    """Tell which runs are made, and how long that takes where finished ones tell."""
    missing = [path.name for path in work.pending]
    if not missing:
        return
    click.echo(f"to be made in {work.folder}: {', '.join(missing)}", err=True)
    told = [row["seconds"] for row in work.rows if row["seconds"]]
    if not told:
        click.echo("expected time: told as soon as some steps are timed", err=True)
        return
    from mmbal.sweep.processes import slots

    at_once = 1 if resources.engine == "ray" else min(len(slots(resources)), len(missing))
    minutes = sum(told) / len(told) * -(-len(missing) // at_once) / 60
    click.echo(
        f"expected time: {minutes:.0f} minutes, for {counted(len(told), 'run')} took "
        f"{sum(told) / len(told):.0f} s on average and {at_once} go at once",
        err=True,
    )


def _carry_out(work: "Sweep", resources: "Resources") -> int:
    """Run what is pending; return the exit code where a signal stopped it, else 0."""
    from mmbal.sweep.engine import run_all

    resources = replace(resources, threads=work.threads)
    progress = SweepProgress(console(err=True), len(work.trials), work.counts)
    # What Ray prints must not end up in the table.
    with progress, forecast(work, progress.notice), redirect_stdout(sys.stderr):
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


@contextmanager
def forecast(work: "Sweep", notice: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile tell how long it takes, once that can be told."""
    from mmbal.sweep.forecast import Forecast

    expected, over = Forecast(work.pending), Event()

    def watch() -> None:
        while not over.wait(PAUSE):
            if told := expected.look():
                notice(told)
                return

    watching = Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


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


def go_on(ctx: click.Context, work: "Sweep", stop: int, command: str) -> None:
    """End a command that left trials, saying what goes on.

    Args:
        ctx: of the command.
        work: where trials may be left.
        stop: exit code where a signal ended it, else 0.
        command: that does.
    """
    if work.pending:
        purpose = "go on" if stop else "try again what failed"
        click.echo(f"to {purpose}:  {command}", err=True)
        ctx.exit(stop or FAILED)
