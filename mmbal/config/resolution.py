"""Recipe, file and command line -> the resolved configuration of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.config.layering import (
    COMPONENTS,
    NAMED,
    SETS,
    Layer,
    Settings,
    layer_of_overrides,
    layer_of_tree,
    merge,
    names,
    origin_of,
    tree_of,
)
from mmbal.config.optimizers import arguments
from mmbal.config.origin import DEFAULT, LAYERS, Key, Origin, Override, dotted
from mmbal.config.toml import TomlFile, read_file
from mmbal.config.validation import validate
from mmbal.errors import ConfigError, MmbalError, PluginError, unknown
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.compatibility import refusal
from mmbal.registry.component import Recipe

if TYPE_CHECKING:
    from mmbal.config.settings import Choice, OptimizerSettings, RunConfig

DEFAULT_EVALUATIONS = ("accuracy", "utilization")


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
    top = layer_of_overrides(given)
    toml = read_file(file) if isinstance(file, Path) else file
    middle = layer_of_tree(toml.values, toml.origin) if toml else Layer()
    chosen = _find_recipe(catalogue, merge([middle, top]))
    below = [_defaults(catalogue), _layer_of_recipe(catalogue, chosen)]
    if sample:
        below.append(_layer_of_sample(catalogue, chosen))
    settings = merge([*below, middle, top])
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
    layer = layer_of_overrides([*keyed, Override(f"{kind}.name", name, kind)])
    return _choice(catalogue, kind, (kind,), layer.settings)


def _find_recipe(catalogue: Catalogue, settings: Settings) -> Recipe:
    setting = settings.get(("recipe",))
    if setting is None:
        legal = ", ".join(catalogue.names("recipe")) or "none is installed"
        raise ConfigError(f"no recipe is named: give --plugin RECIPE (legal: {legal})")
    if not isinstance(setting.value, str):
        raise ConfigError(f"{setting.origin}: recipe must be text, received {setting.value!r}")
    return catalogue.recipe(setting.value)


def _defaults(catalogue: Catalogue) -> Layer:
    installed = catalogue.names("evaluation")
    tree = {"evaluations": [name for name in DEFAULT_EVALUATIONS if name in installed]}
    return layer_of_tree(tree, lambda _: DEFAULT)


def _layer_of_recipe(catalogue: Catalogue, recipe: Recipe) -> Layer:
    distribution = catalogue.provenance(recipe).distribution
    origin = Origin("recipe", f"recipe {recipe.name} ({distribution})")
    tree: dict[str, Any] = {
        **recipe.settings,
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": recipe.optimizer,
    }
    for kind in COMPONENTS:
        tree[kind] = {"name": getattr(recipe, kind), **recipe.options.get(kind, {})}
    for kind in recipe.options:
        if kind not in COMPONENTS:
            raise ConfigError(f"{origin}: {unknown('kind of options', kind, COMPONENTS)}")
    return layer_of_tree(tree, lambda _: origin)


def _layer_of_sample(catalogue: Catalogue, recipe: Recipe) -> Layer:
    distribution = catalogue.provenance(recipe).distribution
    origin = Origin("recipe", f"--sample of recipe {recipe.name} ({distribution})")
    return layer_of_tree(recipe.sample, lambda _: origin)


def _refuse_lacking(recipe: Recipe, settings: Settings) -> None:
    for key, advice in recipe.needs.items():
        path = tuple(key.split("."))
        kind = path[0]
        own = kind not in COMPONENTS or settings[kind, "name"].value == getattr(recipe, kind)
        if own and path not in settings:
            raise ConfigError(f"recipe {recipe.name!r} needs {key}: {advice}")


def _build(catalogue: Catalogue, settings: Settings) -> Resolved:
    from mmbal.config.settings import RunConfig, RunSettings

    _refuse_unknown_keys(catalogue, settings, list(RunConfig.model_fields))
    parts: dict[str, Any] = {
        kind: _choice(catalogue, kind, (kind,), settings) for kind in COMPONENTS
    }
    _refuse_misfit(catalogue, parts["strategy"].name, parts["architecture"].name, settings)
    parts["optimizer"] = _optimizer(settings)
    for section, kind in SETS.items():
        parts[section] = tuple(
            _choice(catalogue, kind, (section, *name), settings)
            for name in names(settings, section)
        )
    tree = tree_of(settings)
    values = {name: value for name, value in tree.items() if name not in parts}
    plain = validate(RunSettings, values, settings, (), "the run")
    config = RunConfig(**{name: getattr(plain, name) for name in RunSettings.model_fields}, **parts)
    origins = {
        dotted(key): origin_of(settings, key) if _was_set(settings, key) else DEFAULT
        for key in _keys_of(config)
    }
    return Resolved(config, {key: origin or DEFAULT for key, origin in origins.items()})


def _choice(catalogue: Catalogue, kind: str, section: Key, settings: Settings) -> "Choice":
    from mmbal.config.settings import Choice

    values = tree_of(settings, section)
    name = section[1] if section[0] in SETS else values.pop("name", None)
    place = section if section[0] in SETS else (*section, "name")
    origin = origin_of(settings, place) or DEFAULT
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


def _refuse_misfit(
    catalogue: Catalogue, strategy: str, architecture: str, settings: Settings
) -> None:
    reason = refusal(catalogue, strategy, architecture)
    if reason is not None:
        origins = [origin_of(settings, (kind, "name")) for kind in ("strategy", "architecture")]
        # The stronger of the two choices is the one to change.
        told = max((each for each in origins if each), key=lambda o: LAYERS.index(o.layer))
        raise ConfigError(f"{told}: {reason}")


def _optimizer(settings: Settings) -> "OptimizerSettings":
    from mmbal.config.settings import OptimizerSettings

    values = tree_of(settings, ("optimizer",))
    optimizer = validate(OptimizerSettings, values, settings, ("optimizer",), "optimizer")
    for name, value in values.items():
        origin = origin_of(settings, ("optimizer", name))
        if name != "name" and name not in arguments(optimizer.name):
            message = unknown("option", name, arguments(optimizer.name))
            raise ConfigError(f"{origin}: optimizer {optimizer.name!r}: {message}")
        if name != "name" and not isinstance(value, bool | int | float):
            rule = f"optimizer.{name} must be a number or true or false, received {value!r}"
            raise ConfigError(f"{origin}: {rule}")
    return optimizer


def _refuse_unknown_keys(catalogue: Catalogue, settings: Settings, legal: Sequence[str]) -> None:
    for key, setting in settings.items():
        if key[0] not in legal:
            message = unknown("setting", key[0], legal)
            homes = [
                f"{kind}.{key[0]}" for kind in NAMED if _has(catalogue, settings, kind, key[0])
            ]
            hint = f"; did you mean {' or '.join(homes)}?" if homes else ""
            raise ConfigError(f"{setting.origin}: {message}{hint}")


def _has(catalogue: Catalogue, settings: Settings, kind: str, option: str) -> bool:
    """Tell whether the chosen component of a kind has an option."""
    name = settings.get((kind, "name"))
    if kind == "optimizer" or name is None:
        return option == "learning_rate"
    try:
        return option in catalogue.options_class(kind, name.value).model_fields
    except MmbalError:
        return False


def _keys_of(config: "RunConfig") -> list[Key]:
    """Return the key of every value of a configuration."""
    from mmbal.config.settings import RunSettings

    keys: list[Key] = [(name,) for name in RunSettings.model_fields]
    for section in COMPONENTS:
        choice: Choice = getattr(config, section)
        keys += [(section, "name"), *_leaves(choice.options.model_dump(), (section,))]
    keys += _leaves(config.optimizer.model_dump(), ("optimizer",))
    for section in SETS:
        for choice in getattr(config, section):
            keys += [(section, choice.name)]
            keys += _leaves(choice.options.model_dump(), (section, choice.name))
    return keys


def _leaves(values: Mapping[str, Any], above: Key) -> list[Key]:
    keys: list[Key] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            keys += _leaves(value, (*above, str(name)))
        else:
            keys.append((*above, str(name)))
    return keys


def _was_set(settings: Settings, key: Key) -> bool:
    """Tell whether a source set this key or something in it; not merely its table."""
    return key in settings or any(other[: len(key)] == key for other in settings)
