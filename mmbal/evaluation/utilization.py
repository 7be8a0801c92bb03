"""How much each branch relies on the other modalities, after training."""

import math
from collections.abc import Iterator, Sequence

from mmbal.evaluation.context import Evaluation, EvaluationContext


class Utilization(Evaluation):
    """Yields `utilization/MODALITY` and, for two modalities, their difference `d_util`.

    The conditional utilization rate of branch m is (A_m - A'_m) / A_m: A_m is its accuracy,
    A'_m the same when all it learns of the other modalities is their training mean. It is
    NaN where A_m is 0, and not bounded by -1 or 1. `accuracy_blocked/MODALITY` is A'_m.

    Source: Wu, Jastrzębski, Cho, Geras, ICML 2022 (arXiv 2202.05306), section 3.
    """

    def __call__(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        """Score with normal and with blocked gates."""
        full, blocked = context.full.conditional, context.blocked.conditional
        for modality, accuracy in blocked.items():
            yield f"accuracy_blocked/{modality}", accuracy
        rates = {m: (a - blocked[m]) / a if a else math.nan for m, a in full.items()}
        for modality, rate in rates.items():
            yield f"utilization/{modality}", rate
        yield "d_util", utilization_gap(list(rates.values()))


def utilization_gap(rates: Sequence[float]) -> float:
    """Return u_0 - u_1 for two modalities, else the largest minus the smallest rate.

    NaN where any rate is.
    """
    if any(math.isnan(rate) for rate in rates):  # max and min would depend on the order
        return math.nan
    if len(rates) == 2:
        return rates[0] - rates[1]
    return max(rates) - min(rates)
