"""What is checked: a component, the options it is built with, and where its data lie."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from mmbal.config.origin import Override
from mmbal.config.resolution import choose
from mmbal.errors import MmbalError
from mmbal.options import NoOptions, Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component
from mmbal.registry.discovery import discover
from mmbal.testing.rules import BENCHES, Inapplicable

DECLARED = "Component.conformance"


@dataclass
class Subject:
    """A component under test.

    Args:
        component: what is checked.
        options: it is built with.
        identity: options under which it promises plain joint training; or None.
        catalogue: builds it, and gives architectures to strategies.
        data_dir: of a dataset; None for a sample that it writes, or its own default.
        shapes: of an architecture's inputs, each tried on all modalities until one fits; None
            for those of `mmbal.testing.architectures.SHAPES`.
        file: of a module that cannot be imported by its name; or "".
    """

    component: Component
    options: Options
    identity: Options | None
    catalogue: Catalogue
    data_dir: Path | None = None
    shapes: Sequence[tuple[int, ...]] | None = None
    file: str = ""

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{self.component.kind} {self.component.name}"

    @property
    def known(self) -> Mapping[str, str]:
        """Rule to the reason why the component does not keep it."""
        return self.component.conformance.known

    def owns(self, path: str) -> bool:
        """Return whether a file holds code of the component's module or package."""
        top = self.component.factory.partition(":")[0].partition(".")[0]
        module = sys.modules.get(top)
        places = [*getattr(module, "__path__", [getattr(module, "__file__", None)]), self.file]
        return any(Path(path).is_relative_to(place) for place in places if place)

    @cached_property
    def bench(self) -> Any:
        """What the rules of this kind share: made once, since most of it costs seconds."""
        return resolve_name(BENCHES[self.component.kind])(self)

    def build(self, *arguments: Any, options: Options | None = None) -> Any:
        """Build a new one; errors name the plugin, as in a run."""
        kind, name = self.component.kind, self.component.name
        return self.catalogue.build(kind, name, options or self.options, *arguments)

    def describe(self) -> dict[str, Any]:
        """Return it as JSON holds it, for another process.

        Raises:
            Inapplicable: its factory has no name by which another process could find it.
        """
        parts = self.component
        if local := next((path for path in (parts.factory, parts.options) if "<" in path), ""):
            raise Inapplicable(f"another process cannot import {local}: give one of a module")
        names = ("kind", "name", "summary", "factory", "options", "requires", "offers")
        return {
            "component": {name: getattr(parts, name) for name in names},
            "options": self.options.model_dump(mode="json"),
            "file": self.file,
            "path": [str(Path(place).absolute()) for place in sys.path],
        }


def subject_of(
    kind: str,
    what: str | Component | Callable[..., Any],
    options: Mapping[str, Any] | Sequence[Override] = (),
    *,
    catalogue: Catalogue | None = None,
    **places: Any,
) -> Subject:
    """Return what is to be checked.

    Args:
        kind: dataset, architecture or strategy.
        what: the name of an installed component, a component, or a factory as `Component` says.
        options: option to value, over those of `Component.conformance`, over the defaults.
        catalogue: of what is installed; None for this environment's.
        **places: `data_dir` and `shapes` of `Subject`.

    Raises:
        MmbalError: there is no such component, or it has no such option.
    """
    installed = catalogue or discover()
    file = ""
    if not isinstance(what, str):
        component, file = _component(kind, what)
        installed = _with(installed, component)
    else:
        component = installed.get(kind, what)
    if isinstance(options, Mapping):
        options = [Override(name, value, "options") for name, value in options.items()]
    declared = component.conformance
    own = [Override(name, value, DECLARED) for name, value in declared.options.items()]
    chosen = choose(installed, kind, component.name, _last(own, options)).options
    identity = None
    if declared.identity is not None:
        plain = [Override(name, value, DECLARED) for name, value in declared.identity.items()]
        identity = choose(installed, kind, component.name, _last(own, options, plain)).options
    return Subject(component, chosen, identity, installed, file=file, **places)


def rebuilt(description: Mapping[str, Any]) -> Subject:
    """Return what `Subject.describe` described, in another process."""
    sys.path[:] = [*sys.path, *(each for each in description["path"] if each not in sys.path)]
    component = Component(**description["component"])
    if description["file"]:
        for path in (component.factory, component.options):
            _import(path.partition(":")[0], description["file"])
    catalogue = _with(discover(), component)
    options = component.options_class().model_validate(description["options"])
    return Subject(component, options, None, catalogue)


def _component(kind: str, what: Component | Callable[..., Any]) -> tuple[Component, str]:
    if isinstance(what, Component):
        if what.kind != kind:
            raise MmbalError(f"{what.name!r} is a {what.kind}, it was given as a {kind}")
        return what, ""
    name = what.__name__.strip("<_>")
    path = f"{what.__module__}:{what.__qualname__}"
    model = getattr(what, "Options", NoOptions)
    options = f"{model.__module__}:{model.__qualname__}"
    component = Given(kind, name, "given to the kit", path, options, made_by=what)  # type: ignore[arg-type]
    return component, inspect.getfile(what)


@dataclass(frozen=True)
class Given(Component):
    """A component whose factory is at hand, and need not be found by its name.

    Args:
        made_by: the factory.
    """

    made_by: Callable[..., Any] = field(default=Options, compare=False)

    def load_factory(self) -> Callable[..., Any]:
        """Return the factory."""
        return self.made_by

    def options_class(self) -> type[Options]:
        """Return what it takes, which is nothing where it does not say."""
        return getattr(self.made_by, "Options", NoOptions)


def _with(installed: Catalogue, component: Component) -> Catalogue:
    """Return a catalogue that has this component, and all others that are installed."""
    catalogue = Catalogue(plugins=installed.plugins)
    catalogue.add(component, Provenance("given", "the kit"))
    for other in installed.components():
        if (other.kind, other.name) != (component.kind, component.name):
            catalogue.add(other, installed.provenance(other))
    if catalogue.problems:
        raise MmbalError(str(catalogue.problems[0]))
    return catalogue


def _last(*layers: Sequence[Override]) -> list[Override]:
    """Return one value per option, that of the last layer which has it."""
    values = {each.key: each for layer in layers for each in layer}
    return list(values.values())


def _import(module: str, file: str) -> None:
    try:
        import_module(module)
    except ImportError:
        spec = spec_from_file_location(module, file)
        if spec is None or spec.loader is None:
            raise
        sys.modules[module] = found = module_from_spec(spec)
        spec.loader.exec_module(found)
