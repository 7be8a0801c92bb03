"""Entry points -> catalogue. A broken plugin is reported; the rest still works."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from threading import Timer
from typing import Any

import pluggy

from mmbal.errors import ContractError, MmbalError, first_line, unknown
from mmbal.registry import builtins, hookspecs
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe
from mmbal.registry.containment import contained
from mmbal.registry.installation import installations
from mmbal.version import __version__

HOOKS: dict[str, Any] = {"mmbal_components": Component, "mmbal_recipes": Recipe, "mmbal_card": None}
"""Hook to what it lists; None for one that is called by a command."""
PATIENCE = 10
"""Seconds that a plugin may take before it is named."""


def discover(entries: Iterable[EntryPoint] | None = None) -> Catalogue:
    """Load every installed plugin.

    Args:
        entries: entry points to load; None for those of the group `mmbal`.
    """
    catalogue = Catalogue()
    _take_in(catalogue, builtins, Provenance("builtin", f"mmbal {__version__}"))
    if entries is None:
        installed, catalogue.problems = installations()
        given = [(str(each), e, f" ({each.file})") for each in installed for e in each.entries]
    else:
        given = [("an unknown distribution", entry, "") for entry in entries]
    # Sorted, so that which of two equal names stays does not depend on the file system.
    for distribution, entry, place in sorted(given):
        provenance = Provenance(entry.name, distribution)
        with _collected(catalogue, provenance, place):
            owners = {other.plugin: other.distribution for other in catalogue.plugins}
            if owner := owners.get(entry.name):
                raise ContractError(f"a plugin of this name comes from {owner}, which stays")
            with _timed(provenance, place), contained(f"cannot import {entry.value!r}:"):
                module = entry.load()
            _take_in(catalogue, module, provenance, place)
    catalogue.check_recipes()
    return catalogue


@contextmanager
def _collected(catalogue: Catalogue, provenance: Provenance, place: str) -> Iterator[None]:
    """Turn what is wrong with one plugin into a problem of the catalogue, and go on."""
    try:
        yield
    except MmbalError as error:
        problem = f"{first_line(error, typed=False)}{place}"
        catalogue.problems.append(provenance.fault(problem))


@contextmanager
def _timed(provenance: Provenance, place: str) -> Iterator[None]:
    """Name a plugin whose import takes long while it does."""
    text = f"imported for {PATIENCE} seconds so far{place}"
    timer = Timer(PATIENCE, logging.getLogger("mmbal").warning, [str(provenance.fault(text))])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _take_in(catalogue: Catalogue, module: Any, provenance: Provenance, place: str = "") -> None:
    hooks = _hooks(module)
    catalogue.plugins.append(provenance)
    for name, function in hooks.items():
        with _collected(catalogue, provenance, place):
            if HOOKS[name] is None:
                catalogue.add_card(function, provenance)
                continue
            for offer in _call(name, function):
                catalogue.add(offer, provenance)


def _hooks(module: Any) -> dict[str, Callable[..., Any]]:
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
    with contained(f"hook {hook} fails with"):
        offers = function()
    rule = f"hook {hook} must return a list of mmbal.{HOOKS[hook].__name__}"
    if not isinstance(offers, list | tuple):
        raise ContractError(f"{rule}, received {type(offers).__name__}")
    for offer in offers:
        if not isinstance(offer, HOOKS[hook]):
            raise ContractError(f"{rule}, received one with a {type(offer).__name__}")
    return list(offers)
