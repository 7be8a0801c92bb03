"""Recipe, file and command line -> the resolved configuration of a run."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from mmbal import capabilities
from mmbal.config.basis import find_basis
from mmbal.config.layering import COMPONENTS, SETS, Settings, refuse_contradictions
from mmbal.config.origin import DEFAULT, Override
from mmbal.config.settings import CONSTANT, Choice, RunConfig, RunSettings
from mmbal.config.toml import TomlFile, read_file
from mmbal.config.tree import leaves
from mmbal.errors import ConfigError, MmbalError, refuse_unknown, unknown
from mmbal.keys import Key, dotted, undotted
from mmbal.options import Options, explain, model_in
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import Recipe

Model = TypeVar("Model", bound=Options)

DEFAULTS = {
    "optimizer": "sgd",
    "schedule": "constant",
    "evaluations": ["accuracy", "utilization"],
}
PLATEAU = "reduce-lr-on-plateau"


@dataclass(frozen=True)
class Resolved:
    """A configuration and where each of its values was set.

    Attributes:
        config: typed and complete.
        origins: by dotted key, such as "strategy.name"; has every value of `config`.
        remarks: what the user should know of it, one line each.
    """

    config: RunConfig
    origins: Mapping[str, str]
    remarks: tuple[str, ...] = ()


def resolve(
    catalogue: Catalogue,
    recipe: str | None = None,
    file: Path | TomlFile | None = None,
    overrides: Iterable[Override | tuple[str, Any, str]] = (),
    *,
    sample: bool = False,
    complete: bool = True,
) -> Resolved:
    """Put the command line over a file over a recipe over the defaults.

    Args:
        catalogue: what is installed.
        recipe: its name; None takes `recipe` of the overrides or of the file, and `plain` where
            they name a dataset alone.
        file: a TOML file, such as the `config.toml` of a run, or what `read_file` read of it.
        overrides: dotted key, value and the option as typed.
        sample: whether the recipe's changes for the dataset's sample lie over the recipe.
        complete: whether everything that the recipe needs from the user must be there.

    Raises:
        ConfigError: a key or value is not legal, or one that is needed is missing.
        MmbalError: a recipe or component is not installed.
    """
    named = [] if recipe is None else [("recipe", recipe, f"--plugin {recipe}")]
    toml = read_file(file) if isinstance(file, Path) else file
    written = Settings.of_tables(toml.values, toml.origin) if toml else Settings()
    given = [*named, *overrides]
    refuse_contradictions(given)
    typed = Settings.of_overrides(given)
    asked = typed.over(written)
    basis = find_basis(catalogue, asked)
    settings = Settings.of_tables(DEFAULTS, lambda _: DEFAULT)
    for stronger in (*basis.layers(sample=sample), written, typed):
        settings = stronger.over(settings)
    if complete:
        _refuse_lacking(basis.recipe, settings)
    return _build(catalogue, settings, basis.remarks(asked))


def choose(
    catalogue: Catalogue, kind: str, name: str, overrides: Sequence[Override] = ()
) -> Choice:
    """Return one component with validated options, outside of any run.

    Args:
        catalogue: what is installed.
        kind: of the component.
        name: of the component.
        overrides: of its options; their keys may begin with the kind.
    """
    named = Override(f"{kind}.name", name, f"{kind} {name}")
    keyed = [each._replace(key=f"{kind}.{each.key.removeprefix(f'{kind}.')}") for each in overrides]
    for each in keyed:
        refuse_contradictions([named, each])
    settings = Settings.of_overrides([*keyed, named])
    return _choice(catalogue, kind, name, settings, (kind,))


def _refuse_lacking(recipe: Recipe, settings: Settings) -> None:
    for text, advice in recipe.needs.items():
        key = undotted(text)
        component = recipe.components.get(key[0])
        replaced = component is not None and settings.table(key[0])["name"] != component
        if not replaced and key not in settings.origins:
            raise ConfigError(f"recipe {recipe.name!r} needs {text}: {advice}")


def _build(catalogue: Catalogue, settings: Settings, remarks: tuple[str, ...]) -> Resolved:
    parts: dict[str, Any] = {
        kind: _choice(catalogue, kind, settings.table(kind)["name"], settings, (kind,))
        for kind in COMPONENTS
    }
    _refuse_unknown_keys(catalogue, settings, parts)
    for section, kind in SETS.items():
        parts[section] = tuple(
            _choice(catalogue, kind, name, settings, (section, name))
            for name in settings.table(section)
        )
    plain = {name: value for name, value in settings.table().items() if name not in parts}
    run = _validated(RunSettings, plain, settings, (), "the run")
    config = RunConfig(**dict(run), **parts)
    if config.modalities:
        names, origin = config.dataset.options.modality_names(), settings.origin(("modalities",))
        refuse_unknown("modality", config.modalities, names, origin)
    _refuse_misfit(catalogue, config, settings)
    _refuse_two_rates(config, settings)
    keys = [key for key, _ in leaves(config.tree())]
    keys += [(section, choice.name) for section in SETS for choice in parts[section]]
    origins = {dotted(key): settings.origins.get(key, DEFAULT) for key in keys}
    return Resolved(config, origins, remarks)


def _choice(catalogue: Catalogue, kind: str, name: str, settings: Settings, section: Key) -> Choice:
    """Return a component with what a section sets of it."""
    values = settings.table(*section)
    values.pop("name", None)
    try:
        options_class = catalogue.options_class(kind, name)
    except MmbalError as error:
        raise ConfigError(f"{settings.origin((*section, 'name'))}: {error}") from error
    try:
        options = _validated(options_class, values, settings, section, f"{kind} {name!r}")
    except ConfigError as error:
        raise ConfigError(f"{error}{_owners(catalogue, kind, options_class, values)}") from None
    return Choice(name=name, options=options)


def _owners(
    catalogue: Catalogue, kind: str, options_class: type[Options], values: Mapping[str, Any]
) -> str:
    """Return which other components of a kind have the options that the chosen one lacks."""
    strange = set(values) - set(options_class.model_fields)
    owners = []
    for other in catalogue.components(kind) if strange else ():
        with suppress(MmbalError):
            if strange <= set(catalogue.options_class(kind, other.name).model_fields):
                owners.append(other.name)
    if not owners:
        return ""
    return f"; {' and '.join(sorted(strange))}: of {kind} {' or '.join(owners)}"


def _validated(
    model: type[Model], values: Mapping[str, Any], settings: Settings, section: Key, label: str
) -> Model:
    """Return the typed options in a section.

    Types are those of a TOML file: a list stands for a tuple, text for a path or an enum,
    an integer for a number, "none" for nothing; never text for a number.
    """
    text = to_json(_with_nothing(model, values), fallback=str)
    try:
        # From JSON, since strict validation then takes lists for tuples and text for paths.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        key, message = explain(error, model, values, section, label)
        raise ConfigError(f"{settings.origin(key)}: {message}") from None


def _with_nothing(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace "none" by None where a field may be None: TOML has no null."""
    replaced = dict(values)
    for name, field in model.model_fields.items():
        if name not in values:
            continue
        parts = get_args(field.annotation)
        legal = any("none" in get_args(part) for part in parts)  # in a Literal
        if values[name] == "none" and NoneType in parts and not legal:
            replaced[name] = None
        else:
            replaced[name] = _with_nothing_inside(field.annotation, values[name])
    return replaced


def _with_nothing_inside(annotation: Any, value: Any) -> Any:
    """Do the same in models that a value holds, by name or in a list."""
    model = model_in(annotation)
    if model is not None and isinstance(value, list | tuple):
        return [_with_nothing_inside(model, each) for each in value]
    if model is None or not isinstance(value, Mapping):
        return value
    if any(get_origin(part) in (dict, Mapping) for part in (annotation, *get_args(annotation))):
        return {name: _with_nothing_inside(model, each) for name, each in value.items()}
    return _with_nothing(model, value)


def _refuse_misfit(catalogue: Catalogue, config: RunConfig, settings: Settings) -> None:
    """Refuse a strategy that needs more than the architecture offers."""
    strategies = [catalogue.get("strategy", name) for name in config.strategy.parts]
    chosen = catalogue.get("architecture", config.architecture.name)
    if lacks := chosen.lacks(*strategies):
        able = [a.name for a in catalogue.components(chosen.kind) if not a.lacks(*strategies)]
        origin = settings.origin(("strategy", "name"), ("architecture", "name"))
        raise ConfigError(
            f"{origin}: strategy {config.strategy.name!r} needs {capabilities.explain(lacks)}, "
            f"which architecture {chosen.name!r} does not offer; those that do: "
            f"{', '.join(able) or 'none is installed'}"
        )


def late_fusion(catalogue: Catalogue, architecture: Choice) -> Choice | None:
    """Return late fusion of the encoders of an architecture; None where it tells of no other.

    Raises:
        MmbalError: it is not installed.
    """
    table = dict(architecture.options.late_fusion() or {})
    if not table:
        return None
    name = table.pop("name")
    return Choice(name=name, options=catalogue.options_class("architecture", name)(**table))


def _refuse_two_rates(config: RunConfig, settings: Settings) -> None:
    """Refuse a schedule beside the callback that sets the learning rate, too."""
    if config.schedule != CONSTANT and PLATEAU in [each.name for each in config.callbacks]:
        origin = settings.origin(("schedule",), ("callbacks", PLATEAU))
        raise ConfigError(
            f"{origin}: schedule {config.schedule.name!r} and callback {PLATEAU!r} both set the "
            "learning rate: leave one of them out (schedule=constant without warm-up sets none)"
        )


def _refuse_unknown_keys(
    catalogue: Catalogue, settings: Settings, components: Mapping[str, Choice]
) -> None:
    legal = list(RunConfig.model_fields)
    for name in settings.table():
        if name not in legal:
            homes = [
                f"{kind}.{name}"
                for kind, choice in components.items()
                if name in type(choice.options).model_fields
            ]
            hint = f"; did you mean {' or '.join(homes)}?" if homes else ""
            for kind in COMPONENTS:
                if name in catalogue.names(kind):
                    hint = f"; it is a component: choose it by {kind}={name}, set {kind}.OPTION"
            message = unknown("setting", name, legal)
            raise ConfigError(f"{settings.origin((name,))}: {message}{hint}")
