"""What is checked: a component, the options it is built with, and what its rules share."""

import inspect
import random
import shutil
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, wraps
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from mmbal.config.origin import Override
from mmbal.config.resolution import choose
from mmbal.errors import MmbalError, unknown
from mmbal.options import NoOptions, Options
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.registry.discovery import discover
from mmbal.testing.rules import MODULES, Broken, Inapplicable

AnySubject = TypeVar("AnySubject", bound="Subject")
Made = TypeVar("Made")
UNOPTIMIZED = "disable_meta_optimizer"


def owned_by(
    rule: str,
) -> Callable[[Callable[[AnySubject], Made]], Callable[[AnySubject], Made]]:
    """Return a decorator of a method that makes what many rules start from: it is made once.

    Where that fails, it is the failure of one rule; the others are skipped.

    Args:
        rule: whose failure it is.
    """

    def once(make: Callable[[AnySubject], Made]) -> Callable[[AnySubject], Made]:
        @wraps(make)
        def made(self: AnySubject) -> Made:
            if rule not in self.made:
                try:
                    self.made[rule] = make(self)
                except Exception as error:  # noqa: BLE001  (of the plugin; its owner tells)
                    self.made[rule] = error
            result: Made | Exception = self.made[rule]
            if not isinstance(result, Exception):
                return result
            if rule == self.examined or isinstance(result, Inapplicable):
                raise result
            raise Inapplicable(f"the rule {rule!r} must be kept first") from result

        return made

    return once


@contextmanager
def unchanged() -> Iterator[None]:
    """Be quiet, and set back precision and random numbers; graphs are run as they are traced.

    Those of a few steps never earn what optimizing them costs.
    """
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    numbers, drawn = random.getstate(), np.random.get_state()  # noqa: NPY002
    optimizer = tf.config.optimizer
    unoptimized = optimizer.get_experimental_options().get(UNOPTIMIZED, False)
    optimizer.set_experimental_options({UNOPTIMIZED: True})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # toys are too small to learn, and say so
            yield
    finally:
        optimizer.set_experimental_options({UNOPTIMIZED: unoptimized})
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        random.setstate(numbers)
        np.random.set_state(drawn)  # noqa: NPY002


@dataclass(eq=False)
class Subject:
    """A component under test; what its rules share is made once, since most of it costs seconds.

    Args:
        component: what is checked.
        options: it is built with.
        identity: options under which it promises plain joint training; or None.
        catalogue: builds it.
        data_dir: of a dataset; None for a sample that it writes, or its own default.
        shapes: of an architecture's inputs, each tried on all modalities until one fits; None
            for those of `mmbal.testing.fixtures.architecture.SHAPES`.

    Attributes:
        made: rule to what it owns, or why that could not be made.
        examined: name of the rule that is being checked.
    """

    component: Component
    options: Options
    identity: Options | None
    catalogue: Catalogue
    data_dir: Path | None = None
    shapes: Sequence[tuple[int, ...]] | None = None
    made: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    examined: str = field(default="", init=False)

    @cached_property
    def folder(self) -> Path:
        """A folder for as long as this object lives."""
        folder = Path(mkdtemp(prefix="mmbal-testing-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    @owned_by("factory")
    def factory(self) -> Callable[..., Any]:
        """Import what builds the component."""
        factory = self.component.load_factory()
        if not callable(factory):
            raise Broken(f"{self.component.factory} is no function or class")
        return factory

    def build(self, *arguments: Any, options: Options | None = None) -> Any:
        """Build a new one; errors name the plugin, as in a run."""
        kind, name = self.component.kind, self.component.name
        return self.catalogue.build(kind, name, options or self.options, *arguments)

    def line_of(self, *functions: Any) -> str:
        """Return where the first function that is the component's own begins, else its factory."""
        for function in map(inspect.unwrap, (*functions, self.factory())):
            with suppress(OSError, TypeError):  # no code of Python, or none that can be read
                number = inspect.getsourcelines(function)[1]
                if self.owns(file := inspect.getsourcefile(function) or ""):
                    return f"{file}:{number}"
        return self.component.factory

    def owns(self, path: str) -> bool:
        """Return whether a file holds code of the component's module or package."""
        top = self.component.factory.partition(":")[0].partition(".")[0]
        module = sys.modules.get(top)
        places = [*getattr(module, "__path__", [getattr(module, "__file__", None)])]
        return any(Path(path).is_relative_to(place) for place in places if place)


def random_states() -> str:
    """Return the global random states as text."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return repr((random.getstate(), kind, np.asarray(keys).tobytes(), rest))


def subject_of(
    kind: Any,
    what: str | Component | Recipe | Callable[..., Any],
    options: Mapping[str, Any] | Sequence[Override] = (),
    *,
    catalogue: Catalogue | None = None,
    **places: Any,
) -> Subject:
    """Return what is to be checked.

    Args:
        kind: of a component, or "recipe".
        what: the name of what is installed, a component or recipe, or a factory as `Component`
            says.
        options: option to value, over those of `Component.conformance`, over the defaults.
        catalogue: of what is installed; None for this environment's.
        **places: `data_dir` and `shapes` of `Subject`.

    Raises:
        MmbalError: there is no such component, or it has no such option.
    """
    if kind not in MODULES:
        raise MmbalError(f"there are no rules for it: {unknown('kind', kind, MODULES)}")
    make: type[Subject] = import_module(MODULES[kind]).SUBJECT
    if isinstance(what, str):
        catalogue = catalogue or discover()
        offer = catalogue.recipe(what) if kind == Recipe.kind else catalogue.get(kind, what)
    else:
        catalogue = discover() if isinstance(what, Recipe) else Catalogue()
        offer = _take_in(catalogue, kind, what)
    if offer.kind != kind:
        raise MmbalError(f"{offer.name!r} is a {offer.kind}, it was given as a {kind}")
    if isinstance(offer, Recipe):
        if options or any(places.values()):
            raise MmbalError(f"recipe {offer.name!r} is checked as it is, without further options")
        return make(Given(kind, offer.name, offer.summary, ""), NoOptions(), None, catalogue)
    if isinstance(options, Mapping):
        options = [Override(name, value, "options") for name, value in options.items()]
    declared = offer.conformance

    def chosen(*above: Override) -> Options:
        overrides = [*_overrides(declared.options), *options, *above]
        return choose(catalogue, kind, offer.name, overrides).options

    identity = None if declared.identity is None else chosen(*_overrides(declared.identity))
    return make(offer, chosen(), identity, catalogue, **places)


@dataclass(frozen=True)
class Given(Component):
    """A component whose factory is at hand, and need not be found by its name; or a recipe.

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


def _given(kind: Any, factory: Callable[..., Any]) -> Given:
    model = getattr(factory, "Options", NoOptions)
    path, options = (f"{each.__module__}:{each.__qualname__}" for each in (factory, model))
    name = factory.__name__.strip("<_>")
    return Given(kind, name, "given to the kit", path, options, made_by=factory)


def _take_in(
    catalogue: Catalogue, kind: str, what: Component | Recipe | Callable[..., Any]
) -> Component | Recipe:
    offer = what if isinstance(what, Component | Recipe) else _given(kind, what)
    before = len(catalogue.problems)
    catalogue.add(offer, Provenance("given", "the kit"))
    for problem in catalogue.problems[before:]:
        raise problem
    return offer


def _overrides(options: Mapping[str, Any]) -> list[Override]:
    return [Override(name, value, "Component.conformance") for name, value in options.items()]
