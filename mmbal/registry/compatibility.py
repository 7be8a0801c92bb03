"""Which strategy can train which architecture, told from their descriptions alone."""

from collections.abc import Sequence

from mmbal.capabilities import explain, missing
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import Component
from mmbal.registry.composition import JOIN


def lacking(strategies: Sequence[Component], architecture: Component) -> list[str]:
    """Return what strategies require and an architecture does not offer.

    Empty where the architecture leaves it to the built network.
    """
    if architecture.offers is None:
        return []
    needed = [name for strategy in strategies for name in strategy.requires]
    return missing(needed, architecture.offers)


def refusal(catalogue: Catalogue, strategies: Sequence[str], architecture: str) -> str | None:
    """Return why strategies cannot train an architecture, and which they can; None if they can."""
    parts = [catalogue.get("strategy", name) for name in strategies]
    chosen = catalogue.get("architecture", architecture)
    absent = lacking(parts, chosen)
    if not absent:
        return None
    able = [a.name for a in catalogue.components("architecture") if not lacking(parts, a)]
    name = JOIN.join(strategies)
    return (
        f"strategy {name!r} needs {explain(absent)}, which architecture {architecture!r} does "
        f"not offer; those that do: {', '.join(able) or 'none is installed'}"
    )


def table(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """Return strategy to architecture to what is lacking; empty lists are what works."""
    architectures = catalogue.components("architecture")
    return {
        strategy.name: {a.name: lacking([strategy], a) for a in architectures}
        for strategy in catalogue.components("strategy")
    }
