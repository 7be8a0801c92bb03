"""Differences of pairs -> verdicts in words."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmbal.comparison import statistics
from mmbal.comparison.pairs import Pair, paired_values
from mmbal.comparison.predictions import Sayings
from mmbal.comparison.statistics import LEVEL
from mmbal.comparison.values import Verdict

WORTH = 0.01
"""A difference of shares that is worth showing: one example in a hundred."""
_MORE = re.compile(r"(?!shapley)\w*accuracy|\w+_f1|roc_auc|average_precision")
_LESS = re.compile(
    r"loss|(?!shapley)\w*nll(_scaled)?|brier|ece_\w+(?<!floor)|violation|nonfinite\w*"
)
NONE, ONE = "no difference shown", "one seed"
STRATEGIES, CONTROLS = ("helps", "hurts"), ("better", "worse")


class Family(NamedTuple):
    """Arms that are compared with one baseline, and share the chance of a false claim.

    Attributes:
        label: what the baseline is called.
        members: label of each arm, and its pairs.
        words: for what is shown to be better, and worse.
    """

    label: str
    members: Sequence[tuple[str, Sequence[Pair]]]
    words: tuple[str, str] = STRATEGIES


def judge(family: Family, score: str, sayings: Sayings) -> list[Verdict | None]:
    """Return what a score says of each arm of a family; None where no pair defines it."""
    found = [paired_values(pairs, score, sayings.weights) for _, pairs in family.members]
    level = LEVEL / len(found)
    p = [statistics.t_test(differences) for differences, _ in found]
    defined = [k for k, value in enumerate(p) if not math.isnan(value)]
    side = dict(zip(defined, statistics.holm([p[k] for k in defined]), strict=True))
    verdicts: list[Verdict | None] = []
    for k, (differences, pairs) in enumerate(found):
        if len(differences) > 1:
            crossed = _crossed(pairs, sayings) if score == "accuracy" else math.nan
            beside = side.get(k, math.nan)
            verdicts.append(judge_seeds(score, differences, level, beside, crossed, family.words))
        elif len(differences) == 1:
            names = family.members[k][0], family.label
            verdicts.append(judge_one(score, float(differences[0]), pairs[0], names, sayings))
        else:
            verdicts.append(None)
    return verdicts


def judge_seeds(
    score: str,
    differences: np.ndarray,
    level: float = LEVEL,
    holm: float = math.nan,
    crossed: float = math.nan,
    words: tuple[str, str] = STRATEGIES,
) -> Verdict:
    """Return what (seed,) differences of two or more seeds say: Student's interval decides.

    `holm` and `crossed` are those of `Verdict`.
    """
    count, mean = len(differences), float(np.mean(differences))
    low, high = statistics.t_interval(differences, level)
    flip, least = statistics.sign_flip(differences), statistics.least_flip(count)
    p = statistics.t_test(differences)
    shown = not math.isnan(p) and (low > 0 or high < 0)
    word = _word(score, mean, words) if shown else NONE
    told = f"{word}: {mean:+.3f} ({low:+.3f} to {high:+.3f}), {count} seeds"
    if math.isnan(p):  # nothing to judge a spread by
        told = f"{word}: {mean:+.3f} in each of {count} seeds"
    elif shown:
        told += f"; p {p:.3g}" + (f", by Holm {holm:.3g}" if level < LEVEL else "")
        told += f"; flipped signs {flip:.3g}"
        told += f", the least that {count} seeds allow" if flip <= least * 1.001 else ""
    elif _better(score) > 0:
        told += _outlook(differences, level)
    if not math.isnan(crossed):
        told += f"; on other examples, too, ±{crossed:.3f}"
    numbers = (mean, low, high, p, holm, flip, least, crossed)
    return Verdict(score, word, told, count, *numbers, tuple(differences.tolist()))


def judge_one(
    score: str, difference: float, pair: Pair, names: tuple[str, str], sayings: Sayings
) -> Verdict | None:
    """Return what one seed says: of two networks, never of methods."""
    if score != "accuracy":
        return None
    ours, theirs = sayings.of(*pair.arm), sayings.of(*pair.baseline)
    if ours is None or theirs is None or not ours.is_of(theirs):
        runs = f"{pair.arm[0]} {pair.baseline[0]}"
        told = (
            f"one seed: {difference:+.3f} between two networks; example by example once they keep "
            f"predictions: mmbal evaluate {runs} --save-predictions"
        )
        return Verdict(score, ONE, told, 1, difference)
    found = statistics.mcnemar(ours.hits, theirs.hits)
    differing = found.first + found.second
    told = (
        f"these two networks differ on {differing} of {found.examples} test examples (McNemar p "
        f"{found.p:.2g}): {found.first} only {names[0]} gets right, {found.second} only {names[1]}"
    )
    return Verdict(score, ONE, told, 1, difference, p=found.p)


def _crossed(pairs: Sequence[Pair], sayings: Sayings) -> float:
    """Return the error over seeds and examples; NaN unless all networks saw the same examples."""
    rows, first = [], None
    for pair in pairs:
        ours, theirs = sayings.of(*pair.arm), sayings.of(*pair.baseline)
        if ours is None or theirs is None:
            return math.nan
        first = first or ours
        if not (ours.is_of(first) and theirs.is_of(first)):
            return math.nan
        rows.append(ours.hits - theirs.hits)
    return statistics.crossed_error(np.stack(rows)) if len(rows[0]) > 1 else math.nan


def _outlook(differences: np.ndarray, level: float) -> str:
    """Return what more seeds would show of a difference that is worth it."""
    count, deviation = len(differences), float(np.std(differences, ddof=1))
    low, high = statistics.t_interval(differences, 2 * level)
    if max(-low, high) < WORTH:
        return f"; within ±{WORTH} ({1 - 2 * level:.0%} interval)"
    needed = statistics.seeds_needed(WORTH, deviation, level)
    if needed is None:
        return f"; a difference of {WORTH} would take more than {statistics.MOST_SEEDS} seeds"
    if needed <= count:
        shown = statistics.detectable(count, deviation, level)
        return f"; a difference of {shown:.3f} would show in 8 of 10 cases"
    return f"; about {needed - count} more would show a difference of {WORTH}"


def _word(score: str, mean: float, words: tuple[str, str]) -> str:
    """Return what a difference that is shown means."""
    if better := _better(score):
        return words[better * mean < 0]
    return "higher" if mean > 0 else "lower"


def _better(score: str) -> int:
    """Return 1 for a share of which more is better, -1 for a loss, 0 where neither is known."""
    name = re.split("[@/]", score)[0]
    return -1 if _LESS.fullmatch(name) else int(bool(_MORE.fullmatch(name)))
