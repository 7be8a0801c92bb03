"""What an evaluation yields: single numbers, and tables of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """A number.

    Args:
        name: in the grammar of `ScoreName`.
        value: finite, or NaN where there is no number.
        error: its standard error over examples; None where it has none.
        headline: whether short tables show it.
    """

    name: str
    value: float
    error: float | None = None
    headline: bool = False


@dataclass(frozen=True)
class Table:
    """Numbers along named axes.

    Args:
        name: of the table.
        axes: name of an axis to its labels in order.
        values: float64, with as many axes.
        description: what its numbers are, in one line.
    """

    name: str
    axes: Mapping[str, Sequence[str]]
    values: np.ndarray
    description: str = ""
