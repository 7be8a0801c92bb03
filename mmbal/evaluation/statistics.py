"""Scores of single examples, and how sure a mean of them is; plain NumPy and SciPy in float64."""

import math

import numpy as np

from mmbal.evaluation.results import Score

SMALLEST = float(np.finfo(np.float64).eps)
"""Probability of what training never showed, where a logarithm is taken: 36.04 nats."""


def finite(values: np.ndarray) -> np.ndarray:
    """Return where the whole last axis is finite: (..., example)."""
    return np.isfinite(values).all(axis=-1)  # type: ignore[no-any-return]


def nonfinite(logits: np.ndarray) -> int:
    """Return how many examples of (..., example, class) logits have any that is not finite."""
    return int(np.count_nonzero(~finite(logits)))


def predicted(logits: np.ndarray) -> np.ndarray:
    """Return the class of the largest logit, the first of several; -1 where any is not finite.

    Args:
        logits: (..., example, class).
    """
    return np.where(finite(logits), logits.argmax(axis=-1), -1)


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 where the prediction is the label and 0 elsewhere: (..., example) float64.

    Args:
        logits: (..., example, class).
        labels: (example,).
    """
    return (predicted(logits) == labels).astype(np.float64)  # type: ignore[no-any-return]


def nll(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the negative log-likelihood of the labels: (..., example) nats.

    Args:
        logits: (..., example, class); NaN is returned where any of an example is not finite.
        labels: (example,).
    """
    from scipy.special import logsumexp

    sound = finite(logits)
    logits = np.where(sound[..., None], logits, 0).astype(np.float64)
    own = np.broadcast_to(labels[..., None], (*logits.shape[:-1], 1))
    losses = logsumexp(logits, axis=-1) - np.take_along_axis(logits, own, axis=-1)[..., 0]
    return np.where(sound, losses, np.nan)


def constant_logits(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the logarithms of the frequencies of classes, (class,).

    A class without a label has the probability `SMALLEST`.

    Args:
        labels: (example,) of the training set.
        classes: how many there are.
    """
    shares = np.bincount(labels, minlength=classes) / len(labels)
    return np.log(np.maximum(shares, SMALLEST))


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of values of examples; NaN for one example.

    That of a share a of n examples (all values are 0 or 1) is sqrt(a (1 - a) / n); else the
    deviation is that of a sample, with n - 1.

    Args:
        values: (example,).
    """
    return _error(values, 0 if np.isin(values, (0, 1)).all() else 1)


def paired_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the mean of first - second, (example,) each, and its standard error over examples."""
    return float(np.mean(first - second)), _error(first - second, 1)


def _error(values: np.ndarray, lost: int) -> float:
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=lost)) / math.sqrt(len(values))


def mean_score(name: str, values: np.ndarray, *, headline: bool = False) -> Score:
    """Return the score that is the mean of values of examples, with its standard error.

    Args:
        name: of the score.
        values: (example,).
        headline: whether short tables show it.
    """
    return Score(name, float(np.mean(values)), standard_error(values), headline)
