"""How sure a difference between two arms is: NumPy and SciPy alone, all in float64.

`differences` are (seed,) values of an arm minus those of its baseline of the same seed, `level` is
the share of comparisons without effect in which one may be claimed, and p values are two-sided.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL, POWER = 0.05, 0.8
"""Of claims where there is nothing, and of effects that are to be shown."""
MOST_SEEDS = 1000
_ENUMERATED, _RESAMPLES = 14, 99_999


def t_interval(differences: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the mean difference, by Student's t; NaN for fewer than two seeds."""
    from scipy import stats

    count, mean = len(differences), float(np.mean(differences))
    if count < 2:
        return math.nan, math.nan
    reach = float(stats.t.ppf(1 - level / 2, count - 1) * stats.sem(differences))
    return mean - reach, mean + reach


def t_test(differences: np.ndarray) -> float:
    """Return the p of no difference, by Student's t; NaN where there is no spread."""
    from scipy import stats

    if len(differences) < 2 or np.ptp(differences) == 0:
        return math.nan
    return float(stats.ttest_1samp(differences, 0).pvalue)


def sign_flip(differences: np.ndarray) -> float:
    """Return the p of flipped signs: exact up to 14 seeds, beyond from seeded draws."""
    from scipy import stats

    resamples = np.inf if len(differences) <= _ENUMERATED else _RESAMPLES
    how = {"permutation_type": "samples", "n_resamples": resamples, "random_state": 0}
    return float(stats.permutation_test((differences,), np.mean, vectorized=True, **how).pvalue)


def least_flip(seeds: int) -> float:
    """Return the least p that flipping the signs of so many seeds can come to."""
    return 2.0 ** (1 - seeds)


def holm(values: Sequence[float]) -> list[float]:
    """Return p values that may be read side by side.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    p = np.asarray(values, np.float64)
    order = np.argsort(p)
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return stepped[np.argsort(order)].tolist()  # type: ignore[no-any-return]


class McNemar(NamedTuple):
    """On how many of all `examples` one of two networks alone is right, and the exact p."""

    first: int
    second: int
    examples: int
    p: float


def mcnemar(first: np.ndarray, second: np.ndarray) -> McNemar:
    """Compare two networks, not methods, by (example,) arrays that are 1 where each is right."""
    from scipy import stats

    ours, theirs = int(np.sum(first > second)), int(np.sum(second > first))
    p = stats.binomtest(min(ours, theirs), ours + theirs).pvalue if ours + theirs else 1.0
    return McNemar(ours, theirs, len(first), float(p))


def crossed_error(differences: np.ndarray) -> float:
    """Return the standard error of a mean over seeds and examples, both of which could be others.

    All seeds are scored on the same examples, so that the two are crossed, not nested.

    Args:
        differences: (seed, example), two of either at least.
    """
    seeds, examples = differences.shape
    rows, columns = differences.mean(1), differences.mean(0)
    residual = differences - rows[:, None] - columns + differences.mean()
    rest = float(np.sum(residual**2)) / ((seeds - 1) * (examples - 1))
    of_seeds = max(examples * float(rows.var(ddof=1)), rest)
    of_examples = max(seeds * float(columns.var(ddof=1)), rest)
    return math.sqrt((of_seeds + of_examples - rest) / (seeds * examples))


def detectable(seeds: int, deviation: float, level: float = LEVEL) -> float:
    """Return the difference that two or more seeds show in 8 of 10 cases.

    Args:
        seeds: how many.
        deviation: of the differences.
        level: of the test.
    """
    from scipy import stats

    quantiles = stats.t.ppf([1 - level / 2, POWER], seeds - 1)
    return float(quantiles.sum()) * deviation / math.sqrt(seeds)


def power(seeds: np.ndarray, effect: float, level: float = LEVEL) -> np.ndarray:
    """Return how often a true difference of `effect` deviations is shown, per number of seeds."""
    from scipy import stats

    shift, freedom = effect * np.sqrt(seeds), seeds - 1
    edge = stats.t.ppf(1 - level / 2, freedom)
    return np.asarray(stats.nct.sf(edge, freedom, shift) + stats.nct.cdf(-edge, freedom, shift))


def seeds_needed(difference: float, deviation: float, level: float = LEVEL) -> int | None:
    """Return how many seeds show a difference in 8 of 10 cases; None for more than 1,000.

    With fewer, flipping signs could not come to the level whatever the differences are.
    """
    first = next(n for n in range(2, MOST_SEEDS) if least_flip(n) <= level)
    counts = np.arange(first, MOST_SEEDS + 1)
    enough = np.nonzero(power(counts, difference / deviation, level) >= POWER)[0]
    return int(counts[enough[0]]) if len(enough) else None
