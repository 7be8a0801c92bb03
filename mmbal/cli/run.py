"""`mmbal run`: train a recipe, measure it, record it."""

import shlex
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import work_done
from mmbal.cli.completion import keys, names_of
from mmbal.cli.console import console, print_json, typed
from mmbal.cli.options import (
    KEYS,
    TypedPath,
    architecture_option,
    batch_size_option,
    config_option,
    data_dir_option,
    dataset_option,
    epochs_option,
    evaluation_option,
    evaluation_setting,
    flags,
    json_option,
    modalities_option,
    once,
    recipe_option,
    save_predictions_option,
)
from mmbal.errors import MmbalError, attempting
from mmbal.registry.component import PLAIN

if TYPE_CHECKING:
    from mmbal.config.origin import Override
    from mmbal.config.resolution import Resolved
    from mmbal.records.run_folder import RunFolder


@click.command()
@recipe_option
@dataset_option
@architecture_option
@click.option(
    "--strategy",
    metavar="NAME[+NAME]...",
    multiple=True,
    callback=once,
    help="Such as vanilla: no balancing. Several work together: guided+modality-dropout.",
    shell_complete=names_of("strategy"),
)
@modalities_option
@config_option
@click.option(
    "--set",
    "assignments",
    metavar="KEY=VALUE",
    multiple=True,
    help="Any setting, such as strategy.tolerance=0.1; see --print-config. Repeatable.",
    shell_complete=keys,
)
@click.option("--seed", type=int, help="Of weights, order and strategy.")
@epochs_option
@batch_size_option
@data_dir_option
@click.option(
    "--out",
    type=TypedPath(),
    help="Folder of the record, absent or empty; by default a new one in runs/.",
)
@click.option(
    "--distribute",
    metavar="HOW",
    help="auto, none, mirrored (all GPUs of this host) or multiworker (TF_CONFIG, SLURM).",
    shell_complete=lambda *_: ["auto", "none", "mirrored", "multiworker"],
)
@click.option(
    "--logical-devices", type=int, help="Split the CPU into so many devices, to try it out."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the newest checkpoint in --out; begin where there is none.",
)
@click.option(
    "--sample",
    is_flag=True,
    help="Try the recipe out, at a reduced size, on files that the dataset writes into the run's "
    "folder.",
)
@evaluation_option
@save_predictions_option
@json_option
@click.option("--print-config", is_flag=True, help="Print the resolved configuration and stop.")
def run(
    *,
    recipe: str | None,
    file: Path | None,
    assignments: tuple[str, ...],
    out: Path | None,
    resume: bool,
    sample: bool,
    as_json: bool,
    print_config: bool,
    **options: Any,
) -> None:
    """Train on RECIPE or --dataset, measure each modality, record it.

    Settings come from the recipe, over it the file of --config, over it the command line. With
    --dataset alone they are: mmtm-any, vanilla, Adam 1e-3, batches of 32, 20 epochs.
    `--resume --out RUN` alone goes on with what RUN was started with.
    """
    from mmbal.config.origin import Override
    from mmbal.config.resolution import resolve
    from mmbal.registry.discovery import discover

    if print_config and as_json:
        raise click.UsageError("--print-config and --json exclude each other")
    catalogue = discover()
    if resume:
        recipe, file = _resumed(out, recipe, file)
    given = _overrides(options, assignments)
    resolved = resolve(catalogue, recipe, file, given, sample=sample)
    for remark in resolved.remarks:
        click.echo(f"note: {remark}", err=True)
    if print_config:
        from mmbal.config.writing import to_toml

        click.echo(to_toml(resolved.config, resolved.origins), nl=False)
        return
    if not resume:  # what a run goes on with need not be there any more
        resolved.config.check_components()
    with _folder(out, resolved, resume=resume, sample=sample) as folder:
        if sample:
            _refuse_data(resolved, folder.sample)
            given.append(Override("data_dir", str(folder.sample), "--sample"))
            resolved = resolve(catalogue, recipe, file, given, sample=True)
        result = _train(resolved, catalogue, folder.path, resume=resume, sample=sample)
    if result:  # a worker that is not the chief has none
        commands = _next(recipe, file, assignments, {**options, "sample": sample}, result)
        _print_result(result, commands, as_json=as_json)


def _print_result(result: Mapping[str, Any], commands: Sequence[str], *, as_json: bool) -> None:
    from mmbal.cli.summary import print_summary

    print_summary(console(err=True), result, commands)
    if as_json:
        with work_done():
            print_json(result)


def _resumed(
    out: Path | None, recipe: str | None, file: Path | None
) -> tuple[str | None, Path | None]:
    """Return recipe and file to resume with: the run's own unless others are named.

    Raises:
        MmbalError: no folder is named, or there is no run in it and no recipe to begin.
    """
    if out is None:
        raise MmbalError("--resume needs --out with the folder of the run to go on with")
    from mmbal.records.run_folder import RunFolder

    own = RunFolder(out).config
    if recipe is not None or file is not None:
        return recipe, file
    if not own.is_file():
        raise MmbalError(f"no run to resume in {out}: {own.name} is missing")
    return None, own


def _refuse_data(resolved: "Resolved", own: Path) -> None:
    """Refuse `--sample` beside a folder of data.

    Raises:
        MmbalError: data_dir is set, and not to the sample of a run that is resumed.
    """
    data_dir = resolved.config.data_dir
    if data_dir not in (None, own.absolute()):
        said = f"{resolved.origins['data_dir']} says where data are"
        raise MmbalError(f"--sample writes data of its own, but {said}; leave out one")


def _train(
    resolved: "Resolved", catalogue: Any, folder: Path, *, resume: bool, sample: bool
) -> dict[str, Any]:
    """Open the heavy door."""
    from mmbal.cli.progress import ConsoleProgress

    # What libraries print must not end up behind the JSON object.
    with ConsoleProgress(console(err=True)) as progress, redirect_stdout(sys.stderr):
        progress.stage("loading TensorFlow")
        from mmbal.experiment import run as run_experiment

        result: dict[str, Any] = run_experiment(
            resolved, catalogue, folder, progress, resume=resume, sample=sample
        )
        return result


def _overrides(options: Mapping[str, Any], assignments: Iterable[str]) -> "list[Override]":
    from mmbal.config.assignment import parse_assignment
    from mmbal.config.origin import Override

    given = [
        Override(key, options[key], shlex.join(flags(key, options[key])))
        for key in KEYS
        if options[key] is not None
    ]
    given += [Override(*evaluation_setting(name)) for name in options["evaluations"]]
    return [*given, *map(parse_assignment, assignments)]


@contextmanager
def _folder(
    out: Path | None, resolved: "Resolved", *, resume: bool, sample: bool
) -> "Iterator[RunFolder]":
    """Yield the folder of the record: the one that is named, unless it is used, or a new one."""
    from mmbal.records.run_folder import RunFolder

    if out is not None:
        named = RunFolder(out)
        if not resume:
            legal = [named.sample.name] if sample else []
            if named.status() == "claimed":  # the run finds out whether by a living process
                legal.append(named.journal.name)
            refuse_used(out, "--out", but=legal)
        yield named
        return
    config = resolved.config
    stamp = time.strftime("%Y%m%d-%H%M%S")
    subject = config.dataset.name if config.recipe == PLAIN else config.recipe
    base = f"{subject}-{config.strategy.name}-seed{config.seed}-{stamp}"
    folder = _make_new(Path("runs", base))
    try:
        yield RunFolder(folder)
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came of the run


def _make_new(base: Path) -> Path:
    """Make a folder that no other process has; the first name is that of `base`."""
    others = (base.with_name(f"{base.name}-{number}") for number in count(2))
    with attempting(f"write into {base.parent}"):
        base.parent.mkdir(parents=True, exist_ok=True)
        for folder in chain([base], others):
            with suppress(FileExistsError):
                folder.mkdir()
                break
    return folder


def refuse_used(folder: Path, option: str, but: Collection[str] = ()) -> None:
    """Raise unless a folder is absent or empty.

    Args:
        folder: to look into.
        option: names it in the message.
        but: names that may be there.

    Raises:
        MmbalError: it is a file or holds anything; nothing has been changed.
    """
    if folder.exists() and not folder.is_dir():
        raise MmbalError(f"{option} {folder} is a file; name a folder that is absent or empty")
    if folder.is_dir() and any(path.name not in but for path in folder.iterdir()):
        raise MmbalError(f"{option} {folder} is not empty; name another folder (nothing changed)")


def _next(
    recipe: str | None,
    file: Path | None,
    assignments: Iterable[str],
    options: Mapping[str, Any],
    result: Mapping[str, Any],
) -> list[str]:
    """Return commands worth running after this one."""
    folder = typed(result["run"])
    commands = [f"mmbal report {folder}"]
    if result["strategy"] != "vanilla":
        words = ["mmbal", "run"]
        words += [recipe] if recipe else []
        words += ["--config", str(file)] if file else []
        words += ["--sample"] if options["sample"] else []
        for key in KEYS:
            if key != "strategy" and options[key] is not None:
                words += flags(key, options[key])
        for text in assignments:
            # Options of the balancing strategy mean nothing to vanilla.
            if not text.startswith("strategy"):
                words += ["--set", text]
        commands.append(shlex.join([*words, "--strategy", "vanilla"]))
    commands.append(f"mmbal compare {folder} OTHER_RUN")
    return commands
