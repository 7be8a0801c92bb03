"""`mmbal run`: train a recipe, measure it, record it."""

import shlex
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.completion import keys, names_of
from mmbal.cli.console import console, print_json
from mmbal.errors import MmbalError

if TYPE_CHECKING:
    from mmbal.config.origin import Override
    from mmbal.config.resolution import Resolved

# Options that are short for `--set key=value`, with their keys.
_KEYS = ("dataset", "architecture", "strategy", "seed", "epochs", "batch_size", "data_dir")


@click.command()
@click.option(
    "--plugin",
    "recipe",
    metavar="RECIPE",
    help="Recipe to run, see `mmbal plugins`.",
    shell_complete=names_of("recipe"),
)
@click.option("--dataset", metavar="NAME", shell_complete=names_of("dataset"))
@click.option("--architecture", metavar="NAME", shell_complete=names_of("architecture"))
@click.option(
    "--strategy",
    metavar="NAME",
    help="Such as vanilla: no balancing.",
    shell_complete=names_of("strategy"),
)
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path),
    help="TOML file over the recipe; the config.toml of a run repeats that run.",
)
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any setting, such as strategy.tolerance=0.1; see --print-config. Repeatable.",
    shell_complete=keys,
)
@click.option("--seed", type=int, help="Of weights, order and strategy.")
@click.option("--epochs", type=int, help="Passes over the training data.")
@click.option("--batch-size", type=int, help="Examples per step, over all devices.")
@click.option("--data-dir", type=click.Path(file_okay=False), help="Folder of the dataset's files.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the record, absent or empty; by default a new one in runs/.",
)
@click.option("--json", "as_json", is_flag=True, help="Last line of stdout: one JSON object.")
@click.option("--print-config", is_flag=True, help="Print the resolved configuration and stop.")
def run(
    *,
    recipe: str | None,
    file: Path | None,
    assignments: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    print_config: bool,
    **options: Any,
) -> None:
    """Train a recipe, measure what it learned from each modality, record it.

    Settings come from the recipe, over it the file of --config, over it the command line.
    """
    from mmbal.config.resolution import resolve
    from mmbal.registry.discovery import discover

    catalogue = discover()
    resolved = resolve(catalogue, recipe, file, _overrides(options, assignments))
    if print_config:
        from mmbal.config.writing import to_toml

        click.echo(to_toml(resolved.config, resolved.origins), nl=False)
        return
    folder = _folder(out, resolved)
    result = _train(resolved, catalogue, folder)
    from mmbal.cli.summary import print_summary

    print_summary(console(err=True), result, _next(recipe, file, assignments, options, result))
    if as_json:
        print_json(result)


def _train(resolved: "Resolved", catalogue: Any, folder: Path) -> dict[str, Any]:
    """Open the heavy door."""
    from mmbal.cli.progress import ConsoleProgress

    # What libraries print must not end up behind the JSON object.
    with ConsoleProgress(console(err=True)) as progress, redirect_stdout(sys.stderr):
        progress.stage("loading TensorFlow")
        from mmbal.experiment import run as run_experiment

        result: dict[str, Any] = run_experiment(resolved, catalogue, folder, progress)
        return result


def _overrides(options: Mapping[str, Any], assignments: Iterable[str]) -> "list[Override]":
    from mmbal.config.assignment import parse_assignment
    from mmbal.config.origin import Override

    given = [
        Override(key, options[key], f"{_flag(key)} {options[key]}")
        for key in _KEYS
        if options[key] is not None
    ]
    return [*given, *map(parse_assignment, assignments)]


def _flag(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _folder(out: Path | None, resolved: "Resolved") -> Path:
    """Return the folder of the record; one that holds anything is refused."""
    if out is None:
        config = resolved.config
        stamp = time.strftime("%Y%m%d-%H%M%S")
        base = f"{config.recipe}-{config.strategy.name}-seed{config.seed}-{stamp}"
        candidates = (
            Path("runs", base + suffix) for suffix in ("", *map("-{}".format, range(2, 100)))
        )
        return next(folder for folder in candidates if not folder.exists())
    refuse_used(out, "--out")
    return out


def refuse_used(folder: Path, option: str) -> None:
    """Raise unless a folder is absent or empty.

    Raises:
        MmbalError: it is a file or holds anything; nothing has been changed.
    """
    if folder.exists() and not folder.is_dir():
        raise MmbalError(f"{option} {folder} is a file; name a folder that is absent or empty")
    if folder.is_dir() and any(folder.iterdir()):
        raise MmbalError(f"{option} {folder} is not empty; name another folder (nothing changed)")


def _next(
    recipe: str | None,
    file: Path | None,
    assignments: Iterable[str],
    options: Mapping[str, Any],
    result: Mapping[str, Any],
) -> list[str]:
    """Return commands worth running after this one."""
    folder = shlex.quote(str(result["run"]))
    commands = [f"mmbal report {folder}"]
    if result["strategy"] != "vanilla":
        words = ["mmbal", "run"]
        words += ["--plugin", recipe] if recipe else []
        words += ["--config", str(file)] if file else []
        for key in _KEYS:
            if key != "strategy" and options[key] is not None:
                words += [_flag(key), str(options[key])]
        for text in assignments:
            # Options of the balancing strategy mean nothing to vanilla.
            if not text.startswith("strategy"):
                words += ["--set", text]
        commands.append(shlex.join([*words, "--strategy", "vanilla"]))
    commands.append(f"mmbal compare {folder} OTHER_RUN")
    return commands
