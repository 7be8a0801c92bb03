"""Entry points -> catalogue. A broken plugin is reported; the rest still works."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from mmbal.errors import ContractError, first_line, unknown
from mmbal.registry import builtins, hookspecs
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.version import __version__

GROUP = "mmbal"
HOOKS: dict[str, type[Component] | type[Recipe]] = {
    "mmbal_components": Component,
    "mmbal_recipes": Recipe,
}


def discover(entries: Iterable[EntryPoint] | None = None) -> Catalogue:
    """Load every installed plugin.

    Args:
        entries: entry points to load; None for those of the group `mmbal`.
    """
    catalogue = Catalogue()
    _take_in(catalogue, builtins, Provenance("builtin", f"mmbal {__version__}"))
    given = entry_points(group=GROUP) if entries is None else entries
    # Sorted, so that which of two equal names stays does not depend on the file system.
    for distribution, entry in sorted((_distribution(e), e) for e in given):
        provenance = Provenance(entry.name, distribution)
        with _collected(catalogue, provenance):
            owners = {other.plugin: other.distribution for other in catalogue.plugins}
            if owner := owners.get(entry.name):
                raise ContractError(f"a plugin of this name comes from {owner}, which stays")
            _take_in(catalogue, _load(entry), provenance)
    catalogue.check_recipes()
    return catalogue


@contextmanager
def _collected(catalogue: Catalogue, provenance: Provenance) -> Iterator[None]:
    """Turn what is wrong with one plugin into a problem of the catalogue, and go on."""
    try:
        yield
    except ContractError as error:
        catalogue.problems.append(provenance.fault(str(error)))


def _distribution(entry: EntryPoint) -> str:
    if entry.dist is None:
        return "an unknown distribution"
    return f"{entry.dist.metadata['Name']} {entry.dist.version}"


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    # SystemExit too: a module that exits when imported must not stop the other plugins.
    except (Exception, SystemExit) as error:
        raise ContractError(f"cannot import {entry.value!r}: {first_line(error)}") from error


def _take_in(catalogue: Catalogue, module: Any, provenance: Provenance) -> None:
    hooks = _hooks(module)
    catalogue.plugins.append(provenance)
    for name, function in hooks.items():
        with _collected(catalogue, provenance):
            for offer in _call(name, function):
                catalogue.add(offer, provenance)


def _hooks(module: Any) -> dict[str, Callable[[], Any]]:
    """Return the hooks of a module by name, which pluggy finds and checks."""
    manager = pluggy.PluginManager("mmbal")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module)
    except pluggy.PluginValidationError as error:
        # pluggy's first line names the plugin, as our own message does.
        reason = "; ".join(line.strip() for line in str(error).splitlines()[1:] if line.strip())
        raise ContractError(f"a hook has the wrong signature: {reason}") from error
    callers = manager.get_hookcallers(module) or []
    hooks = {c.name: hook.function for c in callers for hook in c.get_hookimpls()}
    if strangers := [name for name in hooks if name not in HOOKS]:
        raise ContractError("; ".join(unknown("hook", name, HOOKS) for name in strangers))
    if forgotten := [name for name in HOOKS if hasattr(module, name) and name not in hooks]:
        raise ContractError(f"{' and '.join(forgotten)} must be decorated with @mmbal.hookimpl")
    if not hooks:
        raise ContractError(f"implements none of the hooks {', '.join(HOOKS)}")
    return hooks


def _call(hook: str, function: Callable[[], Any]) -> list[Component | Recipe]:
    try:
        offers = function()
    except (Exception, SystemExit) as error:
        raise ContractError(f"hook {hook} fails with {first_line(error)}") from error
    rule = f"hook {hook} must return a list of mmbal.{HOOKS[hook].__name__}"
    if not isinstance(offers, list | tuple):
        raise ContractError(f"{rule}, received {type(offers).__name__}")
    for offer in offers:
        if not isinstance(offer, HOOKS[hook]):
            raise ContractError(f"{rule}, received one with a {type(offer).__name__}")
    return list(offers)
