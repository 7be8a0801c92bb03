"""What the shell completes: names of recipes, components and options."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from mmbal.errors import MmbalError
from mmbal.registry.component import Component, Recipe

if TYPE_CHECKING:
    from mmbal.config.resolution import Resolved

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
    resolved = _resolved(ctx)
    origins = resolved.origins if resolved else ()
    return [CompletionItem(f"{key}=") for key in origins if key.startswith(incomplete)]


def modalities(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete with the modalities that the options of the dataset tell."""
    del parameter
    resolved = _resolved(ctx)
    names = resolved.config.dataset.options.modality_names() if resolved else None
    return [CompletionItem(name) for name in names or () if name.startswith(incomplete)]


def _resolved(ctx: click.Context) -> "Resolved | None":
    """Return the configuration of what was already typed; None where it is not legal."""
    from mmbal.config.resolution import resolve
    from mmbal.registry.discovery import discover

    chosen = [
        (kind, ctx.params[kind], kind)
        for kind in ("dataset", "architecture", "strategy")
        if ctx.params.get(kind)
    ]
    try:
        # Behind an option that waits for its value, click has put no argument in its place yet.
        recipe = ctx.params.get("recipe") or ctx.params.get("named") or next(iter(ctx.args), None)
        return resolve(discover(), recipe, None, chosen, complete=False)
    except MmbalError:
        return None
