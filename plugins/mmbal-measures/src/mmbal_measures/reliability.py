"""How often predictions of some confidence are right, bin by bin."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Binning = Callable[[np.ndarray, int], np.ndarray]
"""From confidences, (example,), and a number of bins to the bin of each example."""
COLUMNS = ("examples", "confidence", "accuracy", "accuracy_low", "accuracy_high")


def by_width(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return bins of equal width, (low, high]; 0 is in the first."""
    upper: np.ndarray = np.ceil(np.round(np.nan_to_num(confidence) * bins, 12))
    return upper.astype(int).clip(1, bins) - 1


def by_mass(confidence: np.ndarray, bins: int) -> np.ndarray:
    """Return bins of equal numbers of examples, to within one; equal confidences by place."""
    places = np.empty(len(confidence), int)
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    for number, part in enumerate(parts):
        places[part] = number
    return places


BINNINGS: dict[str, Binning] = {"width": by_width, "mass": by_mass}


@dataclass(frozen=True)
class Reliability:
    """Confidences beside what came true, in bins.

    A confidence that is not finite makes its bin and all that is summed over bins NaN.

    Attributes:
        counts: (bin,) examples.
        confidence: (bin,) mean of them; NaN for an empty bin, as in what follows.
        accuracy: (bin,) share of them that came true.
        spread: (bin,) mean of sqrt(c (1 - c)) over confidences c.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(
        cls, confidence: np.ndarray, hits: np.ndarray, binning: Binning, bins: int
    ) -> "Reliability":
        """Return what bins hold.

        Args:
            confidence: (example,) in 0..1.
            hits: (example,), 1 for what came true, else 0.
            binning: places examples in bins.
            bins: how many.
        """
        places = binning(confidence, bins)
        counts = np.bincount(places, minlength=bins)
        filled = np.where(counts, counts, math.nan)
        spread = np.sqrt(confidence * (1 - confidence))
        sums = (np.bincount(places, each, bins) for each in (confidence, hits, spread))
        return cls(counts, *(each / filled for each in sums))

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of confidence and accuracy over examples."""
        return self._mean(np.abs(self.accuracy - self.confidence))

    @property
    def floor(self) -> float:
        """What `error` is on average where every confidence is exactly right: its bias.

        Of n_b examples in a bin, the share that comes true is sqrt(2 c (1 - c) / (pi n_b)) away
        on average; with equal numbers sqrt(2 bins / (pi examples)) times the mean spread.
        """
        return self._mean(np.sqrt(2 / (math.pi * np.maximum(self.counts, 1))) * self.spread)

    @property
    def debiased_square(self) -> float:
        """Mean squared distance less its bias, over bins of several examples; may be negative.

        Source: Kumar, Liang, Ma, NeurIPS 2019 (arXiv 1909.10155).
        """
        chance = self.accuracy * (1 - self.accuracy) / np.maximum(self.counts - 1, 1)
        square = (self.accuracy - self.confidence) ** 2 - chance
        return self._mean((self.counts > 1) * square)

    def curve(self) -> np.ndarray:
        """Return `COLUMNS` of every bin, (bin, column), with 95 % Wilson intervals."""
        from scipy.stats import binomtest

        low, high = np.full((2, len(self.counts)), math.nan)
        for place in np.flatnonzero(self.counts):
            count = int(self.counts[place])
            test = binomtest(round(self.accuracy[place] * count), count)
            low[place], high[place] = test.proportion_ci(method="wilson")
        return np.stack([self.counts, self.confidence, self.accuracy, low, high], axis=1)

    def _mean(self, values: np.ndarray) -> float:
        """Return the mean over examples of what bins have."""
        filled = self.counts > 0
        return float((self.counts * values)[filled].sum() / self.counts.sum())


def classwise_error(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> float:
    """Return the mean calibration error of p_k as a forecast of class k, over classes that exist.

    Source: Kull et al., NeurIPS 2019 (arXiv 1910.12656), in bins of equal width.

    Args:
        probabilities: (example, class).
        labels: (example,).
        bins: how many.
    """
    errors = [
        Reliability.of(probabilities[:, k], (labels == k).astype(float), by_width, bins).error
        for k in np.unique(labels)
    ]
    return float(np.mean(errors))
