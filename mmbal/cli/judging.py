"""Runs that are there, opened and compared: for `compare`, `report` and `sweep`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmbal.cli.options import TypedPath, score_option
from mmbal.errors import DataFormatError, MmbalError, attempting, counted

if TYPE_CHECKING:
    from mmbal.comparison.kept import Kept
    from mmbal.comparison.ledger import Cost
    from mmbal.comparison.values import Comparison
    from mmbal.page.shown import Shown
    from mmbal.records.record import Record
    from mmbal.registry.catalogue import Catalogue

judging_options = (
    click.option(
        "--baseline",
        metavar="ARM",
        default="",
        help="Strategy, or arm as it is called in the output, that the others are judged "
        "against; vanilla where there is one.",
    ),
    click.option(
        "--weights",
        type=click.Choice(["selected", "last"]),
        default="selected",
        show_default=True,
        help="Test scores of the best validation epoch's weights, or of the last ones.",
    ),
    score_option,
    click.option(
        "--ledger",
        is_flag=True,
        help="Tell what arms cost, counting operations (loads TensorFlow) unless compare has.",
    ),
    click.option(
        "--tuned",
        metavar="SWEEP",
        multiple=True,
        type=TypedPath(),
        help="Folder of a sweep that arms were tuned in; its configurations are counted. "
        "Repeatable.",
    ),
)
plot_option = click.option(
    "--plot",
    metavar="FILE",
    type=TypedPath(dir_okay=False),
    help="Draw it; PNG, SVG or PDF by suffix. Of several runs, arms with bands over seeds.",
)


def open_records(paths: Sequence[Path]) -> "dict[str, Record]":
    """Open runs, each once; what was rebuilt or left out goes to stderr.

    The folder of a sweep or comparison stands for its finished runs.
    """
    from mmbal.records.listing import open_runs

    say = partial(click.echo, err=True)
    return open_runs((each for path in paths for each in _finished(path)), say, say)


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


def compare_runs(
    paths: Sequence[Path],
    weights: str = "selected",
    wanted: Sequence[str] = (),
    *,
    baseline: str = "",
    ledger: bool = False,
    tuned: Sequence[Path] = (),
    records: "Mapping[str, Record] | None" = None,
    made: "Kept | None" = None,
) -> "Shown":
    """Compare runs.

    `baseline` is "" for that of a comparison, else plain training where there is any; `ledger`
    counts operations of networks where that is not `made` yet by the comparison; in the sweeps
    `tuned` arms were; `records` are those of the runs, where they are open.
    """
    records = open_records(paths) if records is None else records
    if paths and not records:
        raise MmbalError("none of these runs can be compared")
    from mmbal.comparison.comparing import compare_records, usual_baseline
    from mmbal.comparison.kept import Kept, kept_in
    from mmbal.page.shown import Shown
    from mmbal.registry.discovery import discover

    told = made or (kept_in(paths[0]) if len(paths) == 1 else Kept())
    catalogue = discover()
    comparison = compare_records(
        records,
        weights,
        wanted,
        baseline=baseline or told.baseline or usual_baseline(records),
        catalogue=catalogue,
        cost=_counting(catalogue if ledger else None, made),
        tried=open_records([*_tried(tuned)]),
    )
    return Shown(comparison, records, weights, told.command)


def check_files(plot: Path | None, page: Path | None = None) -> None:
    """Refuse suffixes that figures and pages do not have.

    Raises:
        MmbalError: naming those that they have.
    """
    if plot is not None:
        from mmbal.report.curves import check_format

        check_format(plot)
    if page is not None:
        from mmbal.page.markup import check_suffix

        check_suffix(page)


def write_files(shown: "Shown", plot: Path | None, page: Path | None = None) -> None:
    """Draw a comparison, or a single run, and write a page of it, where files are named."""
    if plot is not None and len(shown.records) == 1:
        from mmbal.report.curves import save_curves

        save_curves(*next(iter(shown.records.items())), plot)
    elif plot is not None:
        from mmbal.page.plot import save_plot

        save_plot(shown, plot)
    if page is not None:
        from mmbal.page.document import save_page
        from mmbal.registry.discovery import discover

        save_page(shown, page, discover())
    for path in filter(None, (plot, page)):
        click.echo(f"wrote {path}", err=True)


def tell(comparison: "Comparison") -> None:
    """Print on stderr what the reader of a comparison should know."""
    for line in comparison.remarks:
        click.echo(line, err=True)
    for score, meaning in comparison.meanings.items():
        click.echo(f"{score}: {meaning}", err=True)


def _tried(sweeps: Sequence[Path]) -> Iterator[Path]:
    """Yield the runs of sweeps."""
    from mmbal.sweep.table import TRIALS

    for sweep in sweeps:
        with attempting(f"read --tuned {sweep}"):
            if TRIALS not in [path.name for path in sweep.iterdir()]:
                raise MmbalError(f"--tuned {sweep} is no folder of a sweep: it lacks {TRIALS}/")
            yield from sorted((sweep / TRIALS).iterdir())


def _counting(
    catalogue: "Catalogue | None", made: "Kept | None"
) -> "Callable[[str, Record], Cost | None]":
    """Return what tells the cost of a run: kept beside it, or where there is a catalogue counted.

    What is counted goes to `made`. Counting opens the heavy door.
    """
    from mmbal.comparison.kept import kept_in

    def count(run: str, record: "Record") -> "Cost | None":
        name, costs = Path(run).name, (made or kept_in(Path(run).parent.parent)).costs
        if name not in costs and catalogue is not None:
            with redirect_stdout(sys.stderr):
                from mmbal.experiment import measure_cost

                try:
                    costs[name] = measure_cost(record, catalogue)
                except MmbalError as error:
                    click.echo(f"no operations of {record.strategy}: {error}", err=True)
        return costs.get(name)

    return count
