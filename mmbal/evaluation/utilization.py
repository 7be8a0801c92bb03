"""How much each branch relies on the other modalities, after training."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.results import Score
from mmbal.evaluation.statistics import right, standard_error


class Utilization(Evaluation):
    """Yields `utilization/MODALITY` and, for two modalities, their difference `d_util`.

    The conditional utilization rate of branch m is (A_m - A'_m) / A_m: A_m is its accuracy,
    A'_m the same when all it learns of the other modalities is their training mean. It is
    NaN where A_m is 0 and where there is no other modality, and not bounded by -1 or 1.
    `blocked_accuracy/MODALITY` is A'_m. Errors are those of paired examples.

    Source: Wu, Jastrzębski, Cho, Geras, ICML 2022 (arXiv 2202.05306), section 3.
    """

    meanings: ClassVar[Mapping[str, str]] = {
        "blocked_accuracy": "of a prediction that hears the others at their training means",
        "utilization": "share of its accuracy that a prediction loses when it hears the others "
        "at their training means; high: it leans on them",
        "d_util": "difference of the utilizations",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Score with normal and with blocked gates."""
        said, blocked = context.predictions(), context.blocked()
        rates, influences = [], []
        for modality in context.modalities:
            full, deaf = (
                right(each.conditional[modality], said.labels) for each in (said, blocked)
            )
            yield Score(f"blocked_accuracy/{modality}", float(deaf.mean()), standard_error(deaf))
            rate, influence = conditional_rate(full, deaf)
            rates.append(rate if len(context.modalities) > 1 else math.nan)
            influences.append(influence)
        for modality, rate, influence in zip(context.modalities, rates, influences, strict=True):
            yield Score(f"utilization/{modality}", rate, _error(influence, rate), headline=True)
        gap = utilization_gap(rates)
        # Largest and smallest of several are chosen by the examples, so that they have no error.
        error = _error(influences[0] - influences[1], gap) if len(rates) == 2 else None
        yield Score("d_util", gap, error, headline=True)


def utilization_gap(rates: Sequence[float]) -> float:
    """Return u_0 - u_1 for two modalities, else the largest minus the smallest rate.

    NaN where any rate is.
    """
    if any(math.isnan(rate) for rate in rates):  # max and min would depend on the order
        return math.nan
    if len(rates) == 2:
        return rates[0] - rates[1]
    return max(rates) - min(rates)


def conditional_rate(full: np.ndarray, deaf: np.ndarray) -> tuple[float, np.ndarray]:
    """Return (A - A') / A, and to first order what each example adds to it: (example,), of mean 0.

    Args:
        full: (example,), 1 where the prediction is right and 0 elsewhere; A is the mean, and the
            rate is NaN where it is 0.
        deaf: the same where something is not heard; A' is the mean.
    """
    accuracy, without = float(full.mean()), float(deaf.mean())
    if not accuracy:
        return math.nan, np.zeros_like(full)
    return (accuracy - without) / accuracy, (without / accuracy * full - deaf) / accuracy


def _error(influence: np.ndarray, value: float) -> float:
    return math.nan if math.isnan(value) else standard_error(influence)
