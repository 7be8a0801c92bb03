"""What subsets of modalities are worth, example by example."""

import numpy as np

from mmbal.evaluation import EvaluationContext, example_scores, fitted_probe, nll, right

MOST = 6
"""Modalities whose 63 subsets may take passes of their own."""
MOST_OF_A_SUM = 12
"""Modalities whose 4,095 subsets are sums of what one pass yields."""
Subset = tuple[str, ...]
MEASURES = ("accuracy", "nats")


def worth(context: EvaluationContext, subset: Subset, absence: str) -> np.ndarray:
    """Return accuracy and log-likelihood (nats) of a subset, (measure, example).

    Args:
        context: what is scored.
        subset: those present, in the order of the branches; () is worth what the frequencies of
            classes in training are.
        absence: as of `EvaluationContext.subset`, or "refit": a linear classifier is fitted to the
            features of those present.

    Raises:
        MmbalError: a classifier is to be fitted and there are no validation examples.
    """
    if absence == "refit" and subset:
        labels = context.predictions().labels
        logits = fitted_probe(context, subset).logits(context.features(None, subset))
        return np.stack([right(logits, labels), -nll(logits, labels)])
    hits, losses = example_scores(context, subset, absence)
    return np.stack([hits, -losses])


def all_are_cheap(context: EvaluationContext) -> bool:
    """Return whether every subset of the modalities may be scored without being asked for."""
    count = len(context.modalities)
    return count <= MOST or (count <= MOST_OF_A_SUM and context.predictions().slices is not None)


def all_but(modality: str, modalities: Subset) -> Subset:
    """Return the others, in their order."""
    return tuple(name for name in modalities if name != modality)
