"""Seeded choice of examples that keeps the share of every label."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def hold_out(
    labels: NDArray[np.integer[Any]], fraction: float, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Split the positions of `labels` into (kept, held out), both ascending.

    Of every label about `fraction` is held out, at least one example and never all of them.
    A label with a single example is kept.
    """
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held[members[:count]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def choose(examples: int, count: int | None, rng: np.random.Generator) -> Indices:
    """Return `count` of the first `examples` positions, ascending; None returns all."""
    if count is None:
        return np.arange(examples)
    return np.sort(rng.permutation(examples)[:count])
