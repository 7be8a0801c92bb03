"""`mmbal data`: check, sample and prepare the files of a dataset."""

import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mmbal.cli.boundary import USER_ERROR, Commands
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, number, print_json, print_table
from mmbal.cli.options import TypedPath
from mmbal.cli.run import refuse_used
from mmbal.errors import counted

if TYPE_CHECKING:
    from mmbal.data import DatasetSource

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(cls=Commands)
def data() -> None:
    """Check, sample or prepare the files of a dataset."""


def _dataset(command: Command) -> Command:
    """Add what every subcommand takes: the dataset's name and its options."""
    command = click.option(
        "--set",
        "assignments",
        metavar="KEY=VALUE",
        multiple=True,
        help="Option of the dataset, see `mmbal plugins show NAME`. Repeatable.",
    )(command)
    return click.argument("name", shell_complete=names_of("dataset"))(command)


_directory = click.argument("directory", required=False, type=TypedPath(file_okay=False))


@data.command()
@_dataset
@_directory
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_context
def check(
    ctx: click.Context,
    name: str,
    assignments: tuple[str, ...],
    directory: Path | None,
    as_json: bool,
) -> None:
    """List every problem in the files of dataset NAME in DIRECTORY, and what is known of it."""
    # What libraries print must not end up beside the JSON object.
    with redirect_stdout(sys.stderr):
        source = _source(name, assignments)
        problems, known = source.check(directory), source.known()
    place = f" in {directory}" if directory else ""
    if as_json:
        told = {"directory": directory, "known": known, "problems": problems}
        print_json({"dataset": name, **told})
    else:
        if known:
            rows = [[number(value) for value in row.values()] for row in known]
            print_table(console(), list(known[0]), rows)
        for problem in problems:
            click.echo(problem)
        if not problems:
            click.echo(f"{name}{place}: sound")
    if problems:
        click.echo(f"error: {name}{place}: {counted(len(problems), 'problem')}", err=True)
        ctx.exit(USER_ERROR)


@data.command()
@_dataset
@click.argument("directory", type=TypedPath())
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def sample(name: str, assignments: tuple[str, ...], directory: Path, seed: int) -> None:
    """Write a tiny set in the file format of dataset NAME into an empty DIRECTORY."""
    refuse_used(directory, "DIRECTORY")
    with redirect_stdout(sys.stderr):
        source = _source(name, assignments)
        directory.mkdir(parents=True, exist_ok=True)
        files = source.sample(directory, seed)
    for file in files:
        click.echo(str(file))


@data.command()
@_dataset
@_directory
def prepare(name: str, assignments: tuple[str, ...], directory: Path | None) -> None:
    """Do what dataset NAME needs done once: download, convert."""
    with redirect_stdout(sys.stderr):
        done = _source(name, assignments).prepare(directory)
    click.echo(done)


def _source(name: str, assignments: Iterable[str]) -> "DatasetSource":
    from mmbal.config.assignment import parse_assignments
    from mmbal.config.resolution import choose
    from mmbal.registry.discovery import discover

    catalogue = discover()
    choice = choose(catalogue, "dataset", name, parse_assignments(assignments))
    from mmbal.experiment import open_dataset

    return open_dataset(catalogue, choice)
