"""Seeded choice of examples."""

import numpy as np
from numpy.typing import NDArray


def choose(examples: int, count: int | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return `count` of the first `examples` positions, ascending; None returns all."""
    if count is None:
        return np.arange(examples)
    return np.sort(rng.permutation(examples)[:count])
