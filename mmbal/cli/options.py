"""Options that several commands have."""

import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from mmbal.cli.completion import modalities, names_of
from mmbal.paths import at_home

Command = TypeVar("Command", bound=Callable[..., Any])

# Options that are short for `--set key=value`, with their keys.
KEYS = (
    "dataset", "architecture", "strategy", "modalities", "seed", "epochs", "batch_size",
    "data_dir", "distribute", "logical_devices", "save_predictions",
)  # fmt: skip


class TypedPath(click.Path):
    """A path in which `~` is a home, also where shells leave it, as in `--out=~/runs`."""

    def __init__(self, **rules: bool) -> None:
        super().__init__(path_type=Path, **rules)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not str(value):
            self.fail("a path must not be empty", param, ctx)
        try:
            return super().convert(at_home(Path(value)), param, ctx)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def with_options(options: Iterable[Any]) -> Callable[[Command], Command]:
    """Return what lets a command take options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed([*options]):
            command = option(command)
        return command

    return decorate


def recipe_option(command: Command) -> Command:
    """Let a command take its recipe as first argument or as `--plugin RECIPE`."""

    @wraps(command)
    def with_recipe(*arguments: Any, named: str | None, recipe: str | None, **rest: Any) -> Any:
        if None not in (named, recipe) and named != recipe:
            raise click.UsageError(
                f"two recipes are named, {named!r} and --plugin {recipe!r}: leave out one",
                click.get_current_context(),
            )
        return command(*arguments, recipe=named or recipe, **rest)

    option = click.option(
        "--plugin",
        "recipe",
        metavar="RECIPE",
        help="The same as RECIPE.",
        shell_complete=names_of("recipe"),
    )
    named = click.argument(
        "named", metavar="[RECIPE]", required=False, shell_complete=names_of("recipe")
    )
    return cast("Command", named(option(with_recipe)))


dataset_option = click.option(
    "--dataset",
    metavar="NAME",
    help="Alone, or in place of the recipe's, whose tuned settings then do not apply.",
    shell_complete=names_of("dataset"),
)
architecture_option = click.option(
    "--architecture",
    metavar="NAME",
    help="The network, in place of the recipe's.",
    shell_complete=names_of("architecture"),
)
score_option = click.option(
    "--score",
    "wanted",
    metavar="GLOB",
    multiple=True,
    help="Show these scores too, such as 'subset_*' or '*_se/gray'. Repeatable.",
)
modalities_option = click.option(
    "--modalities",
    metavar="NAME",
    multiple=True,
    callback=lambda _, __, names: list(names) or None,
    help="Train on this modality of the dataset alone, or on all that are named so. Repeatable.",
    shell_complete=modalities,
)
evaluation_option = click.option(
    "--evaluation",
    "evaluations",
    metavar="NAME",
    multiple=True,
    help="Measure this too, such as linear-probe or subsets. Repeatable.",
    shell_complete=names_of("evaluation"),
)
save_predictions_option = click.option(
    "--save-predictions",
    is_flag=True,
    default=None,
    help="Keep what the network says of every example, in the run's folder (HDF5).",
)
config_option = click.option(
    "--config",
    "file",
    type=TypedPath(),
    help="TOML file over the recipe; the config.toml of a run repeats that run.",
)
epochs_option = click.option("--epochs", type=int, help="Passes over the training data.")
batch_size_option = click.option(
    "--batch-size", type=int, help="Examples per step, over all devices."
)
data_dir_option = click.option(
    "--data-dir", type=TypedPath(file_okay=False), help="Folder of the dataset's files."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Last line of stdout: one JSON object."
)


def once(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Return the one value of an option that must not be given twice.

    click itself would silently take the last.
    """
    if len(values) > 1:
        raise click.BadParameter(
            f"given {len(values)} times; strategies are composed by '+', as {'+'.join(values)}",
            ctx,
            parameter,
        )
    return values[0] if values else None


def flag(key: str) -> str:
    """Return the option that sets a key."""
    return f"--{key.replace('_', '-')}"


def flags(key: str, value: object) -> list[str]:
    """Return the words that set a key: of a list, one option for each of its values."""
    if value is True:
        return [flag(key)]
    values = value if isinstance(value, list) else [value]
    return [word for each in values for word in (flag(key), str(each))]


def evaluation_setting(name: str, option: str = "") -> tuple[str, Any, str]:
    """Return the key, value and origin that add an evaluation to those of a recipe.

    Args:
        name: of the evaluation.
        option: that asks for it, where it is not --evaluation.
    """
    return f"evaluations.{name}", {}, option or shlex.join(["--evaluation", name])
