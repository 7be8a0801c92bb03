"""How much each prediction leans on each other modality."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from mmbal.evaluation import (
    Evaluation,
    EvaluationContext,
    Score,
    Table,
    conditional_rate,
    paired_difference,
    right,
    standard_error,
)
from mmbal_measures.worth import Subset, all_but, worth

SURE = 2
"""Standard errors by which an accuracy must be above chance for a share of it to be told."""


class PairwiseUtilization(Evaluation):
    """Yields `pairwise_utilization/m+j`, how much the prediction of m leans on j.

    u(m, j) = (A_m - A_m without j) / A_m: A_m is the accuracy of branch m, or of the fused
    prediction where there is one for all, and A_m without j the same when j stands at its training
    mean and all others are heard. `utilization/m`, which mmbal itself yields, has all others at
    their means, and is the same for two modalities. A table shows all pairs.

    `near_chance/m` is 1, and the rates of m are NaN, where A_m is not beyond 2 standard errors of
    the accuracy of the most frequent class. Errors are those of paired examples, to first order.

    Source: Wu, Jastrzębski, Cho, Geras, ICML 2022 (arXiv 2202.05306), section 3; pairs are ours.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "pairwise_utilization": "share of its accuracy that the first modality's prediction loses "
        "when it hears the second at its training mean",
        "near_chance": "1 where a prediction is too near to that of the most frequent class for "
        "shares of its accuracy",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score | Table]:
        """Score with each modality in turn at its training mean."""
        names, said, chance = context.modalities, context.predictions(), worth(context, (), "")[0]
        full = {m: right(said.conditional[m], said.labels) for m in names}
        near = [m for m in names if _near(full[m], chance)]
        rates = np.full((len(names), len(names)), math.nan)
        for j, absent in enumerate(names):
            rest = all_but(absent, names)
            for modality, logits in self._deaf(context, rest).items():
                rate, influence = conditional_rate(full[modality], right(logits, said.labels))
                error = standard_error(influence)
                if modality in near or math.isnan(rate):
                    rate = error = math.nan
                rates[names.index(modality), j] = rate
                yield Score(f"pairwise_utilization/{modality}+{absent}", rate, error)
        for modality in near:
            yield Score(f"near_chance/{modality}", 1.0)
        axes = {"modality": names, "without": names}
        text = self.meanings["pairwise_utilization"]
        yield Table("pairwise_utilization", axes, rates, text)

    def _deaf(self, context: EvaluationContext, rest: Subset) -> Mapping[str, np.ndarray]:
        """Return the predictions of those that are heard while all others are at their means."""
        if not rest:
            return {}
        said = context.predictions()
        parts = said.conditional.values()
        joint = all(np.array_equal(each, said.logits, equal_nan=True) for each in parts)
        conditional: Mapping[str, np.ndarray]
        if len(rest) == 1:
            conditional = context.blocked().conditional
        elif joint:  # which subsets give by arithmetic, where encoders see one modality each
            conditional = dict.fromkeys(rest, context.subset(None, rest, "mean")[0])
        else:
            context.announce([(rest, "mean")])
            conditional = context.hearing(None, rest).conditional
        return {m: conditional[m] for m in rest}


def _near(hits: np.ndarray, chance: np.ndarray) -> bool:
    """Return whether an accuracy is not clearly above chance; one example never shows it."""
    lead, error = paired_difference(hits, chance)
    return not lead > SURE * error
