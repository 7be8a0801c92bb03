"""What the shell completes: names of recipes, components and options."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from mmbal.errors import MmbalError
from mmbal.registry.component import Component, Recipe

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names_of(*kinds: str) -> Complete:
    """Return a completion of all names of some kinds; "recipe" counts as one."""

    def complete(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, parameter
        from mmbal.registry.discovery import discover

        catalogue = discover()
        offers: list[Component | Recipe] = [*catalogue.components(), *catalogue.recipes()]
        return [
            CompletionItem(offer.name, help=offer.summary)
            for offer in offers
            if offer.kind in kinds and offer.name.startswith(incomplete)
        ]

    return complete


def keys(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete `--set` with the settings of the recipe that was already typed."""
    del parameter
    from mmbal.config.resolution import resolve
    from mmbal.registry.discovery import discover

    chosen = [
        (kind, ctx.params[kind], kind)
        for kind in ("dataset", "architecture", "strategy")
        if ctx.params.get(kind)
    ]
    try:
        recipe = ctx.params.get("recipe") or ctx.params.get("named")
        origins = resolve(discover(), recipe, None, chosen, complete=False).origins
    except MmbalError:
        return []
    return [CompletionItem(f"{key}=") for key in origins if key.startswith(incomplete)]
