"""What evaluations yield: numbers by name, and tables with named axes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from mmbal.errors import ContractError
from mmbal.evaluation.names import ScoreName


class Score(NamedTuple):
    """A number.

    Attributes:
        name: in the grammar of `ScoreName`.
        value: NaN where it is not defined.
        error: standard error over examples; None where it has none. It is recorded under the
            name of the score with `_se` behind.
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
        name: in the grammar of `ScoreName`.
        axes: name of each axis to its labels in order.
        values: float64, as long along each axis as it has labels.
        description: one line, what its numbers are.

    Raises:
        ValueError: the values are of another shape.
    """

    name: str
    axes: Mapping[str, Sequence[str]]
    values: np.ndarray
    description: str = ""

    def __post_init__(self) -> None:
        labelled = tuple(map(len, self.axes.values()))
        if np.shape(self.values) != labelled:
            raise ValueError(
                f"table {self.name!r} has values of shape {np.shape(self.values)}, and axes of "
                f"{labelled} labels"
            )


Yielded = Score | Table | tuple[str, float]


@dataclass
class Results:
    """What evaluations said of one split and one set of weights.

    Attributes:
        values: by the names of the scores, errors among them.
        headlines: names of those that short tables show.
        tables: by name.
    """

    values: dict[str, float] = field(default_factory=dict)
    headlines: list[str] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)

    def add(self, yielded: Iterable[Yielded], modalities: Sequence[str]) -> None:
        """Take in what an evaluation yields.

        Raises:
            ContractError: a name does not keep to the grammar, or is there already.
        """
        for each in yielded:
            name = ScoreName.parse(each.name if isinstance(each, Table) else each[0], modalities)
            text = str(name)
            if text in self.values or text in self.tables:
                raise ContractError(f"score {text!r} is yielded twice")
            if isinstance(each, Table):
                self.tables[text] = each
                continue
            score = Score(*each)
            self.values[text] = float(score.value)
            if score.error is not None:
                self.values[str(replace(name, score=f"{name.score}_se"))] = float(score.error)
            if score.headline:
                self.headlines.append(text)
