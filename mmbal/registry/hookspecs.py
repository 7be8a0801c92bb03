"""The whole plugin contract: three hooks, one module, one entry point.

A plugin is a distribution with an entry point in the group `mmbal` that names a module.
The module imports nothing heavier than `mmbal` and implements one of the hooks or more:

    from mmbal import Component, hookimpl

    @hookimpl
    def mmbal_components():
        return [Component("strategy", "mine", "what it does", "my_package.mine:Mine")]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

from mmbal.registry.component import Component, Recipe

if TYPE_CHECKING:
    from mmbal.records import FinishedRun

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


@hookspec
def mmbal_card(runs: "Sequence[FinishedRun]") -> Any:
    """Return what finished runs of one configuration tell of their modalities.

    It is called by `mmbal evaluate RUN... --card`, which prints what is returned by rich; its
    attribute `values` is what `--json` prints. Of all plugins, one has this hook.
    """
