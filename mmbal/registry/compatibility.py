"""Which strategy can train which architecture, told from their descriptions alone."""

from collections.abc import Sequence

from mmbal.capabilities import missing
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import Component


def lacking(strategies: Sequence[Component], architecture: Component) -> list[str]:
    """Return what strategies require and an architecture does not offer.

    Empty where the architecture leaves it to the built network.
    """
    if architecture.offers is None:
        return []
    needed = [name for strategy in strategies for name in strategy.requires]
    return missing(needed, architecture.offers)


def table(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """Return strategy to architecture to what is lacking; empty lists are what works."""
    architectures = catalogue.components("architecture")
    return {
        strategy.name: {a.name: lacking([strategy], a) for a in architectures}
        for strategy in catalogue.components("strategy")
    }
