"""The temperature by which logits fit the labels best."""

import math

import numpy as np

from mmbal.evaluation.statistics import finite

TEMPERATURES = COLDEST, HOTTEST = 0.05, 20.0
"""Between which they are looked for."""


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the T of least negative log-likelihood of logits / T.

    The loss is convex in 1 / T; its derivative, the mean of E_p[f] - f_y, has one root, or T is
    at a bound: `COLDEST` where all predictions are right, `HOTTEST` where they are worse than
    none. Examples with a logit that is not finite take no part; NaN where no other is left.

    Source: Guo et al., ICML 2017 (arXiv 1706.04599).

    Args:
        logits: (example, class).
        labels: (example,).
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    sound = finite(logits)
    if not sound.any():
        return math.nan
    logits, labels = logits[sound].astype(np.float64), labels[sound]
    own = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]

    def slope(sharpness: float) -> float:
        expected = (softmax(sharpness * logits, axis=1) * logits).sum(axis=1)
        return float(np.mean(expected - own))

    if slope(1 / COLDEST) <= 0:
        return COLDEST
    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-12))
