"""Everything installed, by kind and name."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from mmbal.errors import MmbalError, PluginError, first_line, unknown
from mmbal.registry.component import KINDS, Component, Recipe
from mmbal.registry.composition import composed_options, options_by_part, split

if TYPE_CHECKING:
    from mmbal.options import Options

# Names are TOML keys, parts of `--set evaluations.NAME.option` and of folder names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_COMPOSITE = "mmbal.strategies.composite:Composite"
# What a factory must give; looked up only once a component has been built.
_PRODUCTS = {
    "dataset": "mmbal.data:DatasetSource",
    "architecture": "mmbal.networks.network:FusionNetwork",
    "strategy": "mmbal.strategies.strategy:Strategy",
    "optimizer": "keras.optimizers:Optimizer",
    "schedule": "keras.optimizers.schedules:LearningRateSchedule",
    "callback": "keras.callbacks:Callback",
}


@dataclass(frozen=True)
class Provenance:
    """Who offers something: the entry point's name, the distribution with its version."""

    plugin: str
    distribution: str

    def fault(self, problem: str) -> PluginError:
        """Return `problem` as an error that names this plugin."""
        return PluginError(self.plugin, self.distribution, problem)


@dataclass
class Catalogue:
    """Components and recipes of all working plugins.

    Attributes:
        problems: one error per thing that could not be loaded; the rest works.
        plugins: every plugin that was loaded.
    """

    problems: list[PluginError] = field(default_factory=list)
    plugins: list[Provenance] = field(default_factory=list)
    _components: dict[tuple[str, str], tuple[Component, Provenance]] = field(default_factory=dict)
    _recipes: dict[str, tuple[Recipe, Provenance]] = field(default_factory=dict)

    def add(self, item: Component | Recipe, provenance: Provenance) -> None:
        """Take in one offer; a name that is taken or not legal becomes a problem instead."""
        kind = item.kind if isinstance(item, Component) else "recipe"
        if kind not in (*KINDS, "recipe"):
            problem = f"component {item.name!r}: {unknown('kind', str(kind), KINDS)}"
        elif not isinstance(item.name, str) or not _NAME.fullmatch(item.name):
            problem = f"{kind} name {item.name!r} must consist of letters, digits, '-' and '_'"
        elif owner := self._owner(kind, item.name):
            problem = (
                f"{kind} {item.name!r} is already offered by plugin {owner.plugin!r} of "
                f"{owner.distribution}, which stays"
            )
        else:
            if isinstance(item, Component):
                self._components[kind, item.name] = item, provenance
            else:
                self._recipes[item.name] = item, provenance
            return
        self.problems.append(provenance.fault(problem))

    def check_recipes(self) -> None:
        """Report recipes that name a component nobody offers (an option can replace it)."""
        for recipe, provenance in self._recipes.values():
            for kind, name in recipe.components.items():
                try:
                    self.parts(kind, name)
                except MmbalError as error:
                    self.problems.append(provenance.fault(f"recipe {recipe.name!r}: {error}"))

    def get(self, kind: str, name: str) -> Component:
        """Return a component.

        Raises:
            MmbalError: nobody offers it; the message has the nearest name.
        """
        if (kind, name) not in self._components:
            raise MmbalError(self._missing(kind, name, self.names(kind)))
        return self._components[kind, name][0]

    def parts(self, kind: str, name: str) -> list[Component]:
        """Return the components behind a name: several where strategies are composed by "+".

        Raises:
            MmbalError: nobody offers one of them, or the name is no composition.
        """
        return [self.get(kind, part) for part in split(kind, name)]

    def recipe(self, name: str) -> Recipe:
        """Return a recipe.

        Raises:
            MmbalError: nobody offers it; the message has the nearest name.
        """
        if name not in self._recipes:
            raise MmbalError(self._missing("recipe", name, self._recipes))
        return self._recipes[name][0]

    def components(self, kind: str | None = None) -> list[Component]:
        """Return all components, or those of one kind, sorted by kind and name."""
        found = [c for c, _ in self._components.values() if kind in (None, c.kind)]
        return sorted(found, key=lambda c: (KINDS.index(c.kind), c.name))

    def recipes(self) -> list[Recipe]:
        """Return all recipes, sorted by name."""
        return sorted((recipe for recipe, _ in self._recipes.values()), key=lambda r: r.name)

    def names(self, kind: str) -> list[str]:
        """Return the names of one kind; kind "recipe" counts as one."""
        if kind == "recipe":
            return sorted(self._recipes)
        return [component.name for component in self.components(kind)]

    def provenance(self, item: Component | Recipe) -> Provenance:
        """Return who offers a component or recipe of this catalogue."""
        if isinstance(item, Component):
            return self._components[item.kind, item.name][1]
        return self._recipes[item.name][1]

    def options_class(self, kind: str, name: str) -> "type[Options]":
        """Import and return the options class of a component, or of composed strategies.

        Raises:
            PluginError: it cannot be imported or is no options class.
        """
        parts = self.parts(kind, name)
        if len(parts) > 1:
            return composed_options({part.name: self._own_options_class(part) for part in parts})
        return self._own_options_class(parts[0])

    def _own_options_class(self, component: Component) -> "type[Options]":
        from mmbal.options import Options

        kind, name = component.kind, component.name
        try:
            found = component.options_class()
        except MmbalError:
            raise
        except Exception as error:
            text = f"{kind} {name!r}: options {component.options!r} fail with {first_line(error)}"
            raise self.provenance(component).fault(text) from error
        if not (isinstance(found, type) and issubclass(found, Options)):
            text = f"options {component.options!r} must name a subclass of mmbal.options.Options"
            raise self.provenance(component).fault(f"{kind} {name!r}: {text}")
        if "name" in found.model_fields:
            text = f"options {component.options!r} may not have a field 'name': it picks components"
            raise self.provenance(component).fault(f"{kind} {name!r}: {text}")
        return found

    def build(self, kind: str, name: str, options: "Options", *arguments: Any) -> Any:
        """Import a component's factory and call it; see `Component` for the arguments.

        Raises:
            MmbalError: raised by the factory itself, untouched.
            PluginError: the factory failed in any other way, or gave the wrong type.
        """
        built = {
            part: self._build(self.get(kind, part), settings, *arguments)
            for part, settings in options_by_part(name, options).items()
        }
        return built[name] if name in built else resolve_name(_COMPOSITE)(built)

    def _build(self, component: Component, options: "Options", *arguments: Any) -> Any:
        kind, name = component.kind, component.name
        try:
            built = component.build(options, *arguments)
        except MmbalError:
            raise
        except Exception as error:
            text = f"{kind} {name!r}: factory {component.factory!r} fails with {first_line(error)}"
            raise self.provenance(component).fault(text) from error
        product = _PRODUCTS.get(kind)
        if product and not isinstance(built, resolve_name(product)):
            text = f"must give a {product.replace(':', '.')}, received {type(built).__name__}"
            text = f"{kind} {name!r}: factory {component.factory!r} {text}"
            raise self.provenance(component).fault(text)
        return built

    def _owner(self, kind: str, name: str) -> Provenance | None:
        entry = self._recipes.get(name) if kind == "recipe" else self._components.get((kind, name))
        return entry[1] if entry else None

    def _missing(self, kind: str, name: str, legal: Iterable[str]) -> str:
        broken = sorted({problem.plugin for problem in self.problems})
        note = f"; not everything of {', '.join(broken)} could be loaded, see `mmbal plugins`"
        return unknown(kind, name, legal) + (note if broken else "")
