"""What a prediction loses when a modality comes from another example."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from mmbal.evaluation import Evaluation, EvaluationContext, Score, right, standard_error
from mmbal_measures.worth import all_but, worth


class Perceptual(Evaluation):
    """Yields the perceptual score of every modality.

    P_m = A - mean over permutations of A', where A is the accuracy of the fused prediction and A'
    the same when the inputs of m are permuted over the whole split.

    - `perceptual/m`: P_m; `perceptual_model/m`: P_m / A; `perceptual_task/m`: P_m / (1 - A_maj),
      where A_maj is the accuracy of predicting training's most frequent class. NaN where the
      denominator is 0.
    - `perceptual_draw_error/m`: standard error of P_m over permutations.

    An example takes part as the one that receives another's input, and as the one that gives its
    own: standard errors are those of right_i - r_i (receiving) - r_i (giving) + mean A', r being
    shares over permutations, and of ratios by first order. The scatter of permutations is in them,
    so that they are a little wide, and nothing is to be added.

    Examples whose answer hangs on m alone score, whether or not others could answer for it: of two
    modalities that tell the same, the one that is not heard has 0.

    Source: Gat, Schwartz, Schwing, NeurIPS 2021 (arXiv 2110.14375); its code permutes within
    batches, ours within the split. The denominators are ours.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "perceptual": "accuracy lost when this modality is taken from other examples",
        "perceptual_model": "that loss, as a share of the accuracy",
        "perceptual_task": "that loss, as a share of what the most frequent class gets wrong",
        "perceptual_draw_error": "standard error of the perceptual score over permutations",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Score the split with each modality permuted."""
        names, said = context.modalities, context.predictions()
        context.announce((rest, "marginal") for m in names if (rest := all_but(m, names)))
        hits, commonest = right(said.logits, said.labels), worth(context, (), "")[0]
        strangers = context.donors()
        for modality in names:
            donors = [draw[modality] for draw in strangers]
            rest = all_but(modality, names)
            # The only modality brings its prediction along.
            logits = (
                context.subset(None, rest, "marginal") if rest else said.logits[np.stack(donors)]
            )
            received = right(logits, said.labels)
            lost, influence = accuracy_lost(hits, received, donors)
            model, task = float(hits.mean()), 1 - float(commonest.mean())
            # Both denominators are means over the same examples: to first order they move with P.
            ratios = {
                "perceptual_model": (model, hits),
                "perceptual_task": (task, 1 - commonest),
            }
            yield Score(f"perceptual/{modality}", lost, standard_error(influence), headline=True)
            for name, (whole, each) in ratios.items():
                ratio = lost / whole if whole else math.nan
                error = standard_error(influence - ratio * each) / whole if whole else math.nan
                yield Score(f"{name}/{modality}", ratio, error)
            draws = standard_error(received.mean(axis=1))
            yield Score(f"perceptual_draw_error/{modality}", draws)


def accuracy_lost(
    hits: np.ndarray, received: np.ndarray, donors: list[np.ndarray]
) -> tuple[float, np.ndarray]:
    """Return the accuracy lost, and what each example adds to it: (example,), of that mean.

    Args:
        hits: (example,), of the prediction.
        received: (draw, example), of that with another's input.
        donors: places of those whose inputs they are, (example,) per draw.
    """
    given = np.empty_like(received)
    for row, right_as_receiver, places in zip(given, received, donors, strict=True):
        row[places] = right_as_receiver
    mean = received.mean()
    influence = hits - received.mean(axis=0) - given.mean(axis=0) + mean
    return float(hits.mean() - mean), influence
