"""Everything installed, by kind and name."""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from mmbal.errors import MmbalError, PluginError, unknown
from mmbal.registry.component import KINDS, PLAIN, Component, Recipe
from mmbal.registry.composition import composed_options, split
from mmbal.registry.containment import contained

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
    """Components and recipes of all working plugins; of the names of kinds, "recipe" is one.

    Attributes:
        problems: one error per thing that could not be loaded; the rest works.
        plugins: every plugin that was loaded.
    """

    problems: list[PluginError] = field(default_factory=list)
    plugins: list[Provenance] = field(default_factory=list)
    _offers: dict[tuple[str, str], tuple[Any, Provenance]] = field(default_factory=dict)
    _card: tuple[Callable[..., Any], Provenance] | None = None

    def add(self, offer: Component | Recipe, provenance: Provenance) -> None:
        """Take in one offer; a name that is taken or not legal becomes a problem instead."""
        kind, name = offer.kind, offer.name
        if kind not in (*KINDS, Recipe.kind):
            problem = f"component {name!r}: {unknown('kind', str(kind), KINDS)}"
        elif not isinstance(name, str) or not _NAME.fullmatch(name):
            problem = f"{kind} name {name!r} must consist of letters, digits, '-' and '_'"
        elif (kind, name) == (Recipe.kind, PLAIN):
            problem = f"recipe name {PLAIN!r} is mmbal's own: it stands for any dataset alone"
        elif (kind, name) in self._offers:
            owner = self._offers[kind, name][1]
            problem = (
                f"{kind} {name!r} is already offered by plugin {owner.plugin!r} of "
                f"{owner.distribution}, which stays"
            )
        else:
            self._offers[kind, name] = offer, provenance
            return
        self.problems.append(provenance.fault(problem))

    def add_card(self, function: Callable[..., Any], provenance: Provenance) -> None:
        """Take in the hook `mmbal_card`; a second one becomes a problem instead."""
        if self._card is not None:
            owner = self._card[1]
            problem = f"plugin {owner.plugin!r} of {owner.distribution} makes cards, and stays"
            self.problems.append(provenance.fault(problem))
        self._card = self._card or (function, provenance)

    @property
    def makes_cards(self) -> bool:
        """Whether a plugin has the hook `mmbal_card`."""
        return self._card is not None

    def card(self, runs: Iterable[Any]) -> Any:
        """Return what the hook `mmbal_card` makes of runs.

        Raises:
            MmbalError: no plugin has it.
        """
        if self._card is None:
            raise MmbalError(f"no plugin makes cards: pip install mmbal-measures{self._broken}")
        function, provenance = self._card
        with contained("hook mmbal_card fails with", provenance.fault):
            return function(runs=[*runs])

    def check_recipes(self) -> None:
        """Report recipes that name a component nobody offers (an option can replace it)."""
        for recipe in self.recipes():
            for kind, name in recipe.components.items():
                try:
                    self.parts(kind, name)
                except MmbalError as error:
                    problem = f"recipe {recipe.name!r}: {error}"
                    self.problems.append(self.provenance(recipe).fault(problem))

    def get(self, kind: str, name: str) -> Component:
        """Return a component.

        Raises:
            MmbalError: nobody offers it; the message has the nearest name.
        """
        component: Component = self._offer(kind, name)
        return component

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
        recipe: Recipe = self._offer(Recipe.kind, name)
        return recipe

    def components(self, kind: str | None = None) -> list[Component]:
        """Return all components, or those of one kind, sorted by kind and name."""
        kinds = KINDS if kind is None else (kind,)
        return [self.get(each, name) for each in kinds for name in self.names(each)]

    def recipes(self) -> list[Recipe]:
        """Return all recipes, sorted by name."""
        return [self.recipe(name) for name in self.names(Recipe.kind)]

    def names(self, kind: str) -> list[str]:
        """Return the names of one kind, sorted."""
        return sorted(name for other, name in self._offers if other == kind)

    def provenance(self, offer: Component | Recipe) -> Provenance:
        """Return who offers a component or recipe of this catalogue."""
        return self._offers[offer.kind, offer.name][1]

    def compatibility(self) -> dict[str, dict[str, list[str]]]:
        """Return strategy to architecture to what is lacking; empty lists are what works."""
        return {
            strategy.name: {a.name: a.lacks(strategy) for a in self.components("architecture")}
            for strategy in self.components("strategy")
        }

    def options_class(self, kind: str, name: str) -> "type[Options]":
        """Import and return the options class of a component, or of composed strategies.

        Raises:
            PluginError: it cannot be imported or is no options class.
        """
        classes = {part.name: self._options_class(part) for part in self.parts(kind, name)}
        return composed_options(*classes.items()) if len(classes) > 1 else classes[name]

    def build(self, kind: str, name: str, options: "Options", *arguments: Any) -> Any:
        """Import a component's factory and call it; see `Component` for the arguments.

        Raises:
            MmbalError: raised by the factory itself, untouched.
            PluginError: the factory failed in any other way, or gave the wrong type.
        """
        parts = self.parts(kind, name)
        if len(parts) == 1:
            return self._build(parts[0], options, *arguments)
        built = {
            part.name: self._build(part, getattr(options, part.name), *arguments) for part in parts
        }
        return resolve_name(_COMPOSITE)(built)

    def _offer(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._offers:
            raise MmbalError(unknown(kind, name, self.names(kind)) + self._broken)
        return self._offers[kind, name][0]

    @property
    def _broken(self) -> str:
        """What to say where something is missing, since plugins are broken."""
        broken = ", ".join(sorted({problem.plugin for problem in self.problems}))
        return f"; not everything of {broken} could be loaded, see `mmbal plugins`" * bool(broken)

    def _options_class(self, component: Component) -> "type[Options]":
        from mmbal.options import Options

        subject = f"options {component.options!r}"
        with self._contained(component, f"{subject} fail with"):
            options = component.options_class()
        if not (isinstance(options, type) and issubclass(options, Options)):
            rule = "must name a subclass of mmbal.options.Options"
        elif "name" in options.model_fields:
            rule = "may not have a field 'name': it picks components"
        else:
            return options
        raise self._fault(component, f"{subject} {rule}")

    def _build(self, component: Component, options: "Options", *arguments: Any) -> Any:
        subject = f"factory {component.factory!r}"
        with self._contained(component, f"{subject} fails with"):
            built = component.build(options, *arguments)
        product = _PRODUCTS.get(component.kind)
        if product and not isinstance(built, resolve_name(product)):
            rule = f"must give a {product.replace(':', '.')}, received {type(built).__name__}"
            raise self._fault(component, f"{subject} {rule}")
        return built

    def _contained(self, component: Component, failure: str) -> AbstractContextManager[None]:
        fault = partial(self._fault, component)
        return contained(failure, fault, f"{component.kind} {component.name!r}")

    def _fault(self, component: Component, problem: str) -> PluginError:
        return self.provenance(component).fault(f"{component.kind} {component.name!r}: {problem}")
