"""Entry points -> catalogue. A broken plugin is reported; the rest still works."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from mmbal.errors import PluginError, first_line, unknown
from mmbal.registry import builtins, hookspecs
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.version import __version__

GROUP = "mmbal"
HOOKS: dict[str, type[Component] | type[Recipe]] = {
    "mmbal_components": Component,
    "mmbal_recipes": Recipe,
}

Item = TypeVar("Item")


def discover(entries: Iterable[EntryPoint] | None = None) -> Catalogue:
    """Load every installed plugin.

    Args:
        entries: entry points to load; None for those of the group `mmbal`.
    """
    catalogue = Catalogue()
    _take_in(catalogue, builtins, Provenance("builtin", f"mmbal {__version__}"))
    given = entry_points(group=GROUP) if entries is None else entries
    found = [(entry, Provenance(entry.name, _distribution(entry))) for entry in given]
    # Sorted, so that which of two equal names stays does not depend on the file system.
    for entry, provenance in sorted(found, key=lambda pair: _order(pair[1])):
        with _collected(catalogue):
            _refuse_taken_name(catalogue, provenance)
            _take_in(catalogue, _load(entry, provenance), provenance)
    catalogue.check_recipes()
    return catalogue


@contextmanager
def _collected(catalogue: Catalogue) -> Iterator[None]:
    """Turn an error of one plugin into a problem of the catalogue, and go on."""
    try:
        yield
    except PluginError as error:
        catalogue.problems.append(error)


def _order(provenance: Provenance) -> tuple[str, str]:
    return provenance.distribution, provenance.plugin


def _distribution(entry: EntryPoint) -> str:
    if entry.dist is None:
        return "an unknown distribution"
    return f"{entry.dist.metadata['Name']} {entry.dist.version}"


def _refuse_taken_name(catalogue: Catalogue, provenance: Provenance) -> None:
    for other in catalogue.plugins:
        if other.plugin == provenance.plugin:
            text = f"a plugin of this name comes from {other.distribution}, which stays"
            raise provenance.fault(text)


def _load(entry: EntryPoint, provenance: Provenance) -> Any:
    try:
        return entry.load()
    # SystemExit too: a module that exits when imported must not stop the other plugins.
    except (Exception, SystemExit) as error:
        text = f"cannot import {entry.value!r}: {first_line(error)}"
        raise provenance.fault(text) from error


def _take_in(catalogue: Catalogue, module: Any, provenance: Provenance) -> None:
    manager = _register(module, provenance)
    catalogue.plugins.append(provenance)
    for hook, item_type in HOOKS.items():
        with _collected(catalogue):
            for item in _call(manager, hook, item_type, provenance):
                catalogue.add(item, provenance)


def _register(module: Any, provenance: Provenance) -> pluggy.PluginManager:
    """Return a manager of this plugin alone: what pluggy finds wrong is then its fault."""
    manager = pluggy.PluginManager("mmbal")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, provenance.plugin)
    except pluggy.PluginValidationError as error:
        # pluggy's first line names the plugin, as our own message does.
        reason = "; ".join(line.strip() for line in str(error).splitlines()[1:] if line.strip())
        raise provenance.fault(f"a hook has the wrong signature: {reason}") from error
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        callers = manager.get_hookcallers(module) or []
        strangers = [caller.name for caller in callers if not caller.has_spec()]
        text = "; ".join(unknown("hook", name, HOOKS) for name in strangers)
        raise provenance.fault(text) from error
    marked = {caller.name for caller in manager.get_hookcallers(module) or []}
    if forgotten := [hook for hook in HOOKS if hasattr(module, hook) and hook not in marked]:
        raise provenance.fault(f"{' and '.join(forgotten)} must be decorated with @mmbal.hookimpl")
    if not marked:
        raise provenance.fault(f"implements none of the hooks {', '.join(HOOKS)}")
    return manager


def _call(
    manager: pluggy.PluginManager, hook: str, item_type: type[Item], provenance: Provenance
) -> list[Item]:
    caller = getattr(manager.hook, hook)
    if not caller.get_hookimpls():
        return []
    try:
        results = caller()
    except (Exception, SystemExit) as error:
        raise provenance.fault(f"hook {hook} fails with {first_line(error)}") from error
    offered = results[0] if results else None  # pluggy leaves out None
    rule = f"hook {hook} must return a list of mmbal.{item_type.__name__}"
    if not isinstance(offered, list | tuple):
        raise provenance.fault(f"{rule}, received {type(offered).__name__}")
    for item in offered:
        if not isinstance(item, item_type):
            raise provenance.fault(f"{rule}, received one with a {type(item).__name__}")
    return list(offered)
