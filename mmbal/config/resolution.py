"""Recipe, file and command line -> the resolved configuration of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.config.layering import COMPONENTS, SETS, Settings
from mmbal.config.origin import DEFAULT, Origin, Override, dotted
from mmbal.config.toml import TomlFile, read_file
from mmbal.config.tree import leaves
from mmbal.config.validation import validate
from mmbal.errors import ConfigError, MmbalError, PluginError, unknown
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.compatibility import refusal
from mmbal.registry.component import Recipe

if TYPE_CHECKING:
    from mmbal.config.settings import Choice, RunConfig

DEFAULT_EVALUATIONS = ("accuracy", "utilization")
PLATEAU = "reduce-lr-on-plateau"


@dataclass(frozen=True)
class Resolved:
    """A configuration and where each of its values was set.

    Attributes:
        config: typed and complete.
        origins: by dotted key, such as "strategy.name"; has every value of `config`.
    """

    config: "RunConfig"
    origins: Mapping[str, Origin]


def resolve(
    catalogue: Catalogue,
    recipe: str | None = None,
    file: Path | TomlFile | None = None,
    overrides: Sequence[Override | tuple[str, Any, str]] = (),
    *,
    sample: bool = False,
    complete: bool = True,
) -> Resolved:
    """Put the command line over a file over a recipe over the defaults.

    Args:
        catalogue: what is installed.
        recipe: its name; None takes `recipe` of the overrides or of the file.
        file: a TOML file, such as the `config.toml` of a run, or what `read_file` read of it.
        overrides: dotted key, value and the option as typed, later ones win.
        sample: whether the recipe's changes for the dataset's sample lie over the recipe.
        complete: whether everything that the recipe needs from the user must be there.

    Raises:
        ConfigError: a key or value is not legal, or one that is needed is missing.
        MmbalError: a recipe or component is not installed.
    """
    given = [Override(*override) for override in overrides]
    if recipe is not None:
        given.append(Override("recipe", recipe, f"--plugin {recipe}"))
    typed = Settings.of_overrides(given)
    toml = read_file(file) if isinstance(file, Path) else file
    written = Settings.of_tables(toml.values, toml.origin) if toml else Settings()
    chosen = _find_recipe(catalogue, typed.over(written))
    settings = _of_recipe(catalogue, chosen).over(_defaults(catalogue))
    if sample:
        settings = _of_sample(catalogue, chosen).over(settings)
    settings = typed.over(written.over(settings))
    if complete:
        _refuse_lacking(chosen, settings)
    return _build(catalogue, settings)


def choose(
    catalogue: Catalogue, kind: str, name: str, overrides: Sequence[Override] = ()
) -> "Choice":
    """Return one component with validated options, outside of any run.

    Args:
        catalogue: what is installed.
        kind: of the component.
        name: of the component.
        overrides: of its options; their keys may begin with the kind.
    """
    keyed = [each._replace(key=f"{kind}.{each.key.removeprefix(f'{kind}.')}") for each in overrides]
    settings = Settings.of_overrides([*keyed, Override(f"{kind}.name", name, kind)])
    return _choice(catalogue, kind, settings)


def _find_recipe(catalogue: Catalogue, settings: Settings) -> Recipe:
    name = settings.table().get("recipe")
    if name is None:
        legal = ", ".join(catalogue.names("recipe")) or "none is installed"
        raise ConfigError(f"no recipe is named: give --plugin RECIPE (legal: {legal})")
    if not isinstance(name, str):
        raise ConfigError(f"{settings.origin('recipe')}: recipe must be text, received {name!r}")
    return catalogue.recipe(name)


def _defaults(catalogue: Catalogue) -> Settings:
    installed = catalogue.names("evaluation")
    tables = {
        "optimizer": "sgd",
        "schedule": "constant",
        "evaluations": [name for name in DEFAULT_EVALUATIONS if name in installed],
    }
    return Settings.of_tables(tables, lambda _: DEFAULT)


def _of_recipe(catalogue: Catalogue, recipe: Recipe) -> Settings:
    distribution = catalogue.provenance(recipe).distribution
    origin = Origin("recipe", f"recipe {recipe.name} ({distribution})")
    for kind in recipe.options:
        if kind not in recipe.components:
            raise ConfigError(f"{origin}: {unknown('kind of options', kind, recipe.components)}")
    tables: dict[str, Any] = {
        **recipe.settings,
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": recipe.optimizer,
    }
    for kind, name in recipe.components.items():
        tables[kind] = {"name": name, **recipe.options.get(kind, {})}
    return Settings.of_tables(tables, lambda _: origin)


def _of_sample(catalogue: Catalogue, recipe: Recipe) -> Settings:
    distribution = catalogue.provenance(recipe).distribution
    origin = Origin("recipe", f"--sample of recipe {recipe.name} ({distribution})")
    return Settings.of_tables(recipe.sample, lambda _: origin)


def _refuse_lacking(recipe: Recipe, settings: Settings) -> None:
    for key, advice in recipe.needs.items():
        path = tuple(key.split("."))
        component = recipe.components.get(path[0])
        replaced = component is not None and settings.table(path[0])["name"] != component
        if not replaced and path not in settings.origins:
            raise ConfigError(f"recipe {recipe.name!r} needs {key}: {advice}")


def _build(catalogue: Catalogue, settings: Settings) -> Resolved:
    from mmbal.config.settings import RunConfig, RunSettings

    _refuse_unknown_keys(catalogue, settings, list(RunConfig.model_fields))
    parts: dict[str, Any] = {kind: _choice(catalogue, kind, settings) for kind in COMPONENTS}
    for section, kind in SETS.items():
        parts[section] = tuple(
            _choice(catalogue, kind, settings, section, name) for name in settings.names(section)
        )
    plain = {name: value for name, value in settings.table().items() if name not in parts}
    run = validate(RunSettings, plain, settings, (), "the run")
    config = RunConfig(**{name: getattr(run, name) for name in RunSettings.model_fields}, **parts)
    _refuse_misfit(catalogue, config, settings)
    _refuse_two_rates(config, settings)
    keys = [key for key, _ in leaves(config.tree())]
    keys += [(section, choice.name) for section in SETS for choice in parts[section]]
    return Resolved(config, {dotted(key): settings.origins.get(key, DEFAULT) for key in keys})


def _choice(catalogue: Catalogue, kind: str, settings: Settings, *member: str) -> "Choice":
    """Return a component: of its own section, or a member of a set."""
    from mmbal.config.settings import Choice

    section = member or (kind,)
    values = settings.table(*section)
    name = member[-1] if member else values.pop("name", None)
    place = section if member else (*section, "name")
    origin = settings.origin(*place) or DEFAULT
    if not isinstance(name, str):
        raise ConfigError(f"{origin}: {dotted(place)} must be text, received {name!r}")
    try:
        options_class = catalogue.options_class(kind, name)
    except PluginError:
        raise
    except MmbalError as error:
        raise ConfigError(f"{origin}: {error}") from error
    options = validate(options_class, values, settings, section, f"{kind} {name!r}")
    return Choice(name=name, options=options)


def _refuse_misfit(catalogue: Catalogue, config: "RunConfig", settings: Settings) -> None:
    reason = refusal(catalogue, config.strategy.parts, config.architecture.name)
    if reason is not None:
        origin = settings.strongest(("strategy", "name"), ("architecture", "name"))
        raise ConfigError(f"{origin}: {reason}")


def _refuse_two_rates(config: "RunConfig", settings: Settings) -> None:
    """Refuse a schedule beside the callback that sets the learning rate, too."""
    from mmbal.config.settings import CONSTANT

    if config.schedule != CONSTANT and PLATEAU in [each.name for each in config.callbacks]:
        origin = settings.strongest(("schedule",), ("callbacks", PLATEAU))
        raise ConfigError(
            f"{origin}: schedule {config.schedule.name!r} and callback {PLATEAU!r} both set the "
            "learning rate: leave one of them out (schedule=constant without warm-up sets none)"
        )


def _refuse_unknown_keys(catalogue: Catalogue, settings: Settings, legal: Sequence[str]) -> None:
    for name in settings.tree:
        if name not in legal:
            message = unknown("setting", name, legal)
            homes = [
                f"{kind}.{name}" for kind in COMPONENTS if _has(catalogue, settings, kind, name)
            ]
            hint = f"; did you mean {' or '.join(homes)}?" if homes else ""
            raise ConfigError(f"{settings.origin(name)}: {message}{hint}")


def _has(catalogue: Catalogue, settings: Settings, kind: str, option: str) -> bool:
    """Tell whether the chosen component of a kind has an option."""
    try:
        return option in catalogue.options_class(kind, settings.table(kind)["name"]).model_fields
    except (MmbalError, KeyError):
        return False
