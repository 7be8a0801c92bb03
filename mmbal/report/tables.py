"""Tables of evaluations as rows of text."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def numbers_along_axes(
    axes: Mapping[str, Sequence[str]], values: "np.ndarray"
) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows of text: a column per label of the last axis.

    Args:
        axes: name to labels.
        values: as long along each axis as it has labels.
    """
    *outer, (last, labels) = axes.items()
    places = product(*(each for _, each in outer))
    rows = values.reshape(-1, len(labels)).tolist()
    texts = [
        [
            *place,
            *("-" if math.isnan(v) else f"{v:.0f}" if v.is_integer() else f"{v:.4f}" for v in row),
        ]
        for place, row in zip(places, rows, strict=True)
    ]
    corner = [name for name, _ in outer]
    if corner:
        corner[-1] = f"{corner[-1]}, {last}:"
    return [*corner, *labels], texts
