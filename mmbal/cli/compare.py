"""`mmbal compare`: did it help, against what, and how sure is that?"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import work_done
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, definitions, print_json, print_table
from mmbal.cli.options import TypedPath, flag, score_option
from mmbal.cli.report import open_records
from mmbal.cli.trials import (
    announce,
    axes_of,
    carry_out,
    engine_options,
    go_on,
    resources_of,
    show_plan,
    trials_of,
    varied_options,
)
from mmbal.errors import MmbalError, attempting, unknown

if TYPE_CHECKING:
    from mmbal.comparison.ledger import Cost
    from mmbal.comparison.values import Comparison
    from mmbal.records.record import Record
    from mmbal.registry.catalogue import Catalogue

PLAIN = "vanilla"
FORMATS = ("text", "md", "csv", "json", "latex")
_MAKING = (
    "recipe", "dataset", "architecture", "strategies", "seeds", "assignments", "modalities",
    "file", "epochs", "batch_size", "data_dir", "evaluations", "out", "no_controls",
    "dry_run",
)  # fmt: skip


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN...|RECIPE", type=TypedPath())
@click.option("--plugin", "recipe", metavar="RECIPE", help="The same as RECIPE.",
              shell_complete=names_of("recipe"))  # fmt: skip
@click.option(
    "--baseline",
    metavar="ARM",
    help="Strategy, or arm as it is called in the output, that the others are judged against; "
    "vanilla where there is one.",
)
@click.option(
    "--weights",
    type=click.Choice(["selected", "last"]),
    default="selected",
    show_default=True,
    help="Test scores of the best validation epoch's weights, or of the last ones.",
)
@score_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="What is printed on stdout.")
@click.option("--markdown", is_flag=True, help="The same as --format md.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--ledger",
    is_flag=True,
    help="Tell what arms cost, counting operations (loads TensorFlow): always where RECIPE trains.",
)
@click.option(
    "--tuned",
    "sweeps",
    metavar="SWEEP",
    multiple=True,
    type=TypedPath(),
    help="Folder of a sweep that arms were tuned in; its configurations are counted. Repeatable.",
)
@varied_options
@click.option("--out", type=TypedPath(), help="Folder of the runs that RECIPE makes.")
@click.option(
    "--no-controls",
    is_flag=True,
    help="Train no modality by itself, and so tell of no ensemble of these.",
)
@engine_options
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    *,
    runs: tuple[Path, ...],
    baseline: str | None,
    weights: str,
    wanted: tuple[str, ...],
    ledger: bool,
    sweeps: tuple[Path, ...],
    **given: Any,
) -> None:
    """Judge arms against a baseline, seed by seed.

    RUN... are folders that `mmbal run` wrote; nothing is trained. Of a RECIPE, the runs that
    --strategy and --seeds ask for are made in --out, also every modality by itself, and
    compared; the same command again makes no run twice.

    Runs that differ in nothing but the seed are one arm: mean ± sample standard deviation.
    """
    form = _form(given)
    shown: dict[str, Any] = {"weights": weights, "wanted": wanted, "sweeps": sweeps}
    if not _trains(runs, given):
        _show(compare_runs(runs, **shown, baseline=baseline or "", ledger=ledger), form, weights)
        return
    given["recipe"] = given["recipe"] or (str(runs[0]) if runs else None)
    _train(ctx, given, baseline or PLAIN, form, shown)


def _form(given: Mapping[str, Any]) -> str:
    """Return the format that is asked for, by whichever option."""
    asked = {"md": given["markdown"], "json": given["as_json"]}
    forms = {given["form"], *(form for form, wanted in asked.items() if wanted)} - {None}
    if len(forms) > 1:
        raise click.UsageError("--markdown, --json and --format exclude each other")
    return str(forms.pop()) if forms else "text"


def _trains(runs: Sequence[Path], given: Mapping[str, Any]) -> bool:
    """Return whether runs are to be made of a recipe, rather than found.

    Raises:
        MmbalError: something is neither a run nor a recipe, or options contradict one another.
    """
    options = {
        "strategies": "strategy",
        "assignments": "set",
        "file": "config",
        "recipe": "plugin",
        "evaluations": "evaluation",
    }
    asked = [flag(options.get(key, key)) for key in _MAKING if given[key]]
    one = str(runs[0]) if runs else ""
    if len(runs) == 1 and not runs[0].exists() and runs[0].name == one:
        from mmbal.registry.discovery import discover

        names = [recipe.name for recipe in discover().recipes()]
        if one not in names:
            raise MmbalError(f"{one} is no folder of a run, and {unknown('recipe', one, names)}")
        if given["recipe"] not in (None, one):
            raise click.UsageError(f"two recipes are named, {one} and {given['recipe']}")
    elif runs and asked:
        raise click.UsageError(f"{asked[0]} makes runs, and {one} is one already: leave out one")
    elif runs:
        return False
    if not given["out"] or not given["strategies"]:
        raise click.UsageError(
            "expected RUN..., or a RECIPE to make runs of, with --strategy NAME,... and --out DIR"
        )
    return True


def _train(
    ctx: click.Context,
    given: dict[str, Any],
    baseline: str,
    form: str,
    shown: Mapping[str, Any],
) -> None:
    """Make the runs that are missing, and compare all that are asked for."""
    from mmbal.config.origin import Override
    from mmbal.registry.discovery import discover
    from mmbal.sweep.folder import Sweep, check_folder, only_sweep

    catalogue, out = discover(), given["out"]
    names = given["strategies"].split(",")
    if baseline not in names and baseline in catalogue.names("strategy"):
        given["strategies"] = ",".join([baseline, *names])
    kept = Override("save_predictions", True, "mmbal compare")
    axes = [((kept,),), *axes_of(given)]
    trials = trials_of(catalogue, given, axes, "" if given["no_controls"] else "single") or []
    threads = given["cpus_per_trial"]
    check_folder(out)
    if given["dry_run"]:
        show_plan(Sweep(out, catalogue, trials, threads), form == "json")
        return
    resources = resources_of(given)
    with only_sweep(out):
        check_folder(out)
        work = Sweep(out, catalogue, trials, threads)
        work.save()
        announce(work, resources)
        stop = carry_out(work, resources)
    with work_done():
        finished = work.finished({trial.digest for trial in trials})
        if finished and not stop:
            comparison = compare_runs(finished, **shown, baseline=baseline, ledger=True)
            _show(comparison, form, shown["weights"])
    go_on(ctx, work, stop, "the same command again")


def compare_runs(
    runs: Sequence[Path],
    weights: str = "selected",
    wanted: Sequence[str] = (),
    *,
    baseline: str | None = None,
    ledger: bool = False,
    sweeps: Sequence[Path] = (),
) -> "Comparison":
    """Compare runs; what the reader should know goes to stderr.

    `baseline` is "" for plain training where there is any, None for none; `ledger` counts
    operations, and in `sweeps` arms were tuned.
    """
    records: Mapping[str, Record] = open_records(runs)
    if runs and not records:
        raise MmbalError("none of these runs can be compared")
    from mmbal.comparison.comparing import compare_records, tested, usual_baseline
    from mmbal.registry.discovery import discover

    records, fallen = tested(records)
    if baseline == "":
        baseline = usual_baseline(records)
    catalogue = discover()
    comparison = compare_records(
        records,
        weights,
        wanted,
        baseline=baseline,
        catalogue=catalogue,
        cost=_counting(catalogue) if ledger else None,
        tried=open_records(_tried(sweeps)),
    )
    for remark in (*fallen, *comparison.remarks):
        click.echo(remark, err=True)
    for score, meaning in comparison.meanings.items():
        click.echo(f"{score}: {meaning}", err=True)
    return comparison


def _tried(sweeps: Sequence[Path]) -> list[Path]:
    """Return the runs of sweeps."""
    from mmbal.sweep.table import TRIALS

    trials: list[Path] = []
    for sweep in sweeps:
        with attempting(f"read --tuned {sweep}"):
            if TRIALS not in [path.name for path in sweep.iterdir()]:
                raise MmbalError(f"--tuned {sweep} is no folder of a sweep: it lacks {TRIALS}/")
            trials += sorted((sweep / TRIALS).iterdir())
    return trials


def _counting(catalogue: "Catalogue") -> "Callable[[Record], Cost | None]":
    """Open the heavy door; return what counts the operations of a record, where it can."""
    with redirect_stdout(sys.stderr):
        from mmbal.experiment import measure_cost

    def count(record: "Record") -> "Cost | None":
        try:
            with redirect_stdout(sys.stderr):
                return measure_cost(record, catalogue)
        except MmbalError as error:
            click.echo(f"no operations of {record.strategy}: {error}", err=True)
            return None

    return count


def _show(comparison: "Comparison", form: str, weights: str) -> None:
    from mmbal.comparison import tables

    if form == "json":
        print_json(tables.comparison_object(comparison, weights))
    elif form == "text":
        _print(comparison)
    else:
        written = {"md": tables.markdown, "csv": tables.to_csv, "latex": tables.latex}
        click.echo(written[form](comparison).rstrip("\n"))


def _print(comparison: "Comparison") -> None:
    """Print the table, and below it what is said of every arm."""
    from mmbal.comparison import tables

    out = console()
    header, rows = tables.comparison_rows(comparison)
    if rows:
        print_table(out, header, rows)
    for arm in comparison.arms:
        if arm.pairing is not None:
            said = [(verdict.score, verdict.text) for verdict in arm.verdicts]
            out.print("", tables.pairing_text(arm), sep="\n")
            click.echo(definitions(said) or "  no score that both have")
    if any(arm.ledger.parameters or arm.ledger.tried is not None for arm in comparison.arms):
        out.print("")
        print_table(out, *tables.ledger_rows(comparison))
