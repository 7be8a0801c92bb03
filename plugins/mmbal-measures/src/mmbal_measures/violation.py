"""How often a prediction gets surer when a modality is taken away."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from mmbal.evaluation import EvaluationContext, Score, finite, mean_score
from mmbal_measures.worth import Subset, all_are_cheap, all_but


def violations(context: EvaluationContext, absence: str) -> Iterator[Score]:
    """Yield the shares of examples whose confidence rises when modalities leave.

    `violation@ABSENCE/m` where m leaves all; `violation@ABSENCE` over all pairs of a subset and a
    smaller one of it, NaN where scoring all subsets would take too many passes. Where an example
    has a logit that is not finite, they are NaN.

    Source: Ma et al., ICML 2023 (arXiv 2306.01265).

    Args:
        context: what is scored.
        absence: what stands for those that left.
    """
    names = context.modalities
    if len(names) == 1:
        return
    rests = {m: all_but(m, names) for m in names}
    subsets = _subsets(names) if all_are_cheap(context) else []
    context.announce((subset, absence) for subset in subsets or rests.values())
    wanted = dict.fromkeys([names, *subsets, *rests.values()])
    kept = {subset: confidences(context.subset(None, subset, absence)) for subset in wanted}
    for modality, rest in rests.items():
        yield mean_score(f"violation@{absence}/{modality}", _rises(kept[names], kept[rest]))
    pairs = [(s, smaller) for s in subsets for smaller in _subsets(s)[:-1]]
    if not pairs:
        yield Score(f"violation@{absence}", math.nan, math.nan)
        return
    rises = (_rises(kept[larger], kept[smaller]) for larger, smaller in pairs)
    share = sum(rises, np.zeros(kept[names].shape[-1])) / len(pairs)
    yield mean_score(f"violation@{absence}", share)


def confidences(logits: np.ndarray) -> np.ndarray:
    """Return the largest probability, (..., example); NaN where a logit is not finite.

    Args:
        logits: (..., example, class).
    """
    largest: np.ndarray = probabilities(logits).max(axis=-1)
    return largest


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return (..., example, class) float64; NaN where any logit of an example is not finite."""
    from scipy.special import softmax

    sound = finite(logits)[..., None]
    chances: np.ndarray = softmax(np.where(sound, logits, math.nan).astype(np.float64), axis=-1)
    return chances


def _rises(larger: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """Return the share of draws, (example,), in which the confidence of fewer is larger."""
    known = np.isfinite(larger) & np.isfinite(smaller)
    share: np.ndarray = np.where(known, smaller > larger, math.nan).mean(axis=0)
    return share


def _subsets(names: Subset) -> list[Subset]:
    """Return the non-empty subsets, the whole last."""
    return [s for size in range(1, len(names) + 1) for s in combinations(names, size)]
