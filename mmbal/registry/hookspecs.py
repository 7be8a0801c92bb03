"""The whole plugin contract: two hooks, one module, one entry point.

A plugin is a distribution with an entry point in the group `mmbal` that names a module.
The module imports nothing heavier than `mmbal` and implements one or both hooks:

    from mmbal import Component, hookimpl

    @hookimpl
    def mmbal_components():
        return [Component("strategy", "mine", "what it does", "my_package.mine:Mine")]
"""

import pluggy

from mmbal.registry.component import Component, Recipe

API_VERSION = 1
"""Of hooks, `Component`, `Recipe` and the contracts; rises with whatever plugins may newly use."""

hookspec = pluggy.HookspecMarker("mmbal")
hookimpl = pluggy.HookimplMarker("mmbal")


@hookspec
def mmbal_components() -> list[Component]:  # type: ignore[empty-body]
    """Return the components on offer, of any `KINDS`."""


@hookspec
def mmbal_recipes() -> list[Recipe]:  # type: ignore[empty-body]
    """Return the experiments on offer, runnable as `mmbal run --plugin NAME`."""
