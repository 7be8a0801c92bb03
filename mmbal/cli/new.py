"""`mmbal plugins new`: write a plugin to begin with."""

import shlex
from pathlib import Path

import click

from mmbal.cli.console import print_json
from mmbal.cli.options import TypedPath, json_option
from mmbal.scaffold import KINDS, Project, write_project


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="What it brings.")
@click.option(
    "--directory",
    type=TypedPath(),
    help="Folder to write, absent or empty; by default ./mmbal-NAME.",
)
@click.option("--author", default="", help="Name, for the metadata.")
@json_option
@click.pass_obj
def new(
    outer: bool, name: str, kind: str, directory: Path | None, author: str, as_json: bool
) -> None:
    """Write a plugin NAME that installs, passes its own tests and runs.

    The distribution is called mmbal-NAME. What it does is small and works: replace it part by part.
    """
    from mmbal.registry.discovery import discover

    project = Project(name, kind, author)
    project.check(discover())
    folder = directory or Path(project.distribution)
    files = write_project(project, folder)
    place = folder if folder.is_absolute() else f"./{folder}"  # pip takes other words for names
    commands = [
        f"pip install -e {shlex.quote(f'{place}[test]')}",
        f"pytest {shlex.quote(str(folder))}",
        project.command,
    ]
    if outer or as_json:
        told = {"directory": str(folder), "files": [str(path) for path in files]}
        print_json({**told, "commands": commands})
        return
    click.echo(f"{project.distribution}: {len(files)} files in {folder}. Next:")
    for command in commands:
        click.echo(f"  {command}")
