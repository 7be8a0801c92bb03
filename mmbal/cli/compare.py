"""`mmbal compare`: did it help, against what, and how sure is that?"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import work_done
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, definitions, print_json, print_table
from mmbal.cli.judging import (
    compare_runs,
    judging_options,
    plot_option,
    tell,
    write_files,
)
from mmbal.cli.options import TypedPath, with_options
from mmbal.cli.trials import (
    axes_of,
    engine_options,
    go_on,
    make_runs,
    trials_of,
    varied_options,
)
from mmbal.errors import MmbalError, unknown

if TYPE_CHECKING:
    from mmbal.comparison.values import Comparison
    from mmbal.page.shown import Shown

PLAIN = "vanilla"
FORMATS = ("text", "md", "csv", "json", "latex")
_MAKING = (
    "recipe", "dataset", "architecture", "strategies", "seeds", "assignments", "modalities",
    "file", "epochs", "batch_size", "data_dir", "evaluations", "out", "no_controls", "late",
    "dry_run",
)  # fmt: skip


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN...|RECIPE", type=TypedPath())
@click.option("--plugin", "recipe", metavar="RECIPE", help="The same as RECIPE.",
              shell_complete=names_of("recipe"))  # fmt: skip
@with_options(judging_options)
@plot_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="What is printed on stdout.")
@click.option("--markdown", is_flag=True, help="The same as --format md.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@with_options(varied_options)
@click.option("--out", type=TypedPath(), help="Folder of the runs that RECIPE makes.")
@click.option(
    "--no-controls",
    is_flag=True,
    help="Train no modality by itself, and so tell of no ensemble of these.",
)
@click.option(
    "--late",
    is_flag=True,
    help="Train late fusion of the same encoders, plainly, as a control, too.",
)
@with_options(engine_options)
@click.pass_context
def compare(
    ctx: click.Context, /, *, runs: tuple[Path, ...], plot: Path | None, **given: Any
) -> None:
    """Judge arms against a baseline, seed by seed.

    RUN... are folders that `mmbal run` wrote; nothing is trained. Of a RECIPE, the runs that
    --strategy and --seeds ask for are made in --out, also every modality by itself, and
    compared; the same command again makes no run twice.

    Runs that differ in nothing but the seed are one arm: mean ± sample standard deviation.
    """
    form = _form(given)
    judged = {key: given[key] for key in ("weights", "wanted", "baseline", "tuned")}
    if _trains(runs, given):
        given["recipe"] = given["recipe"] or (str(runs[0]) if runs else None)
        _train(ctx, given, judged, form, plot)
    else:
        _show(compare_runs(runs, **judged, ledger=given["ledger"]), form, plot)


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
    parameters = click.get_current_context().command.params
    asked = [each.opts[0] for each in parameters if each.name in _MAKING and given[each.name]]
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
    judged: dict[str, Any],
    form: str,
    plot: Path | None,
) -> None:
    """Make the runs that are missing, and compare all that are asked for."""
    from mmbal.comparison.kept import kept_in
    from mmbal.config.origin import Override
    from mmbal.registry.discovery import discover

    catalogue, out = discover(), given["out"]
    baseline, names = judged["baseline"] or PLAIN, given["strategies"].split(",")
    if baseline not in names and baseline in catalogue.names("strategy"):
        given["strategies"] = ",".join([baseline, *names])
    kept = Override("save_predictions", True, "mmbal compare")
    axes = [((kept,),), *axes_of(given)]
    trials = trials_of(catalogue, given, axes, "" if given["no_controls"] else "single") or []
    making = make_runs(out, catalogue, trials, given, as_json=form == "json", announced=True)
    if making is None:
        return
    work, stop = making
    with work_done():
        finished = work.finished({trial.digest for trial in trials})
        if finished and not stop:
            made = kept_in(out)
            made.command = shlex.join(["mmbal", *ctx.find_root().obj])
            made.baseline = judged["baseline"] = baseline
            shown = compare_runs(finished, **judged, ledger=True, made=made)
            made.save(out)
            _show(shown, form, plot)
    go_on(ctx, work, stop, "the same command again")


def _show(shown: "Shown", form: str, plot: Path | None) -> None:
    from mmbal.comparison import tables

    comparison = shown.comparison
    tell(comparison)
    if form == "json":
        print_json(tables.comparison_object(comparison, shown.weights))
    elif form == "text":
        _print(comparison)
    else:
        written = {"md": tables.markdown, "csv": tables.to_csv, "latex": tables.latex}
        click.echo(written[form](comparison).rstrip("\n"))
    write_files(shown, plot)


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
