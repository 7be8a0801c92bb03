"""How the score of all modalities is shared out among them: Shapley values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np

from mmbal.evaluation import Evaluation, EvaluationContext, Score, standard_error
from mmbal_measures.options import ShapleyOptions
from mmbal_measures.worth import MEASURES, Subset, all_are_cheap, worth

Weights = dict[Subset, np.ndarray]
"""Subset to how much its worth counts in the value of each modality, (modality,)."""


class Shapley(Evaluation):
    """Yields the Shapley value of every modality, in accuracy and in nats.

    phi_m = sum over S without m of |S|! (N - |S| - 1)! / N! (v(S + m) - v(S)), where v(S) is the
    accuracy, or minus the negative log-likelihood, of the prediction where the modalities S are
    present; v of none is that of the class frequencies of training. `@ABSENCE` is what stands for
    the others.

    - `shapley_accuracy@ABSENCE/m`, `shapley_nats@ABSENCE/m`; standard errors are over examples.
    - `shapley_SCORE_sum@ABSENCE`, `shapley_SCORE_whole@ABSENCE`: the sum of the values, and
      v(all) - v(none), which it equals (efficiency).
    - `shapley_SCORE_draw_error@ABSENCE/m`, where orders are sampled: the standard error over pairs
      of a random order of joining and its reverse. All subsets along them are scored once.

    For the Bayes rule the values in nats share out the mutual information.

    Source: Shapley, 1953; orders in pairs: Mitchell et al., JMLR 2022 (arXiv 2104.12199).
    """

    options: ShapleyOptions
    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        f"shapley_{measure}{part}": meaning.format(what)
        for measure, what in zip(MEASURES, ("accuracy", "log-likelihood, nats,"), strict=True)
        for part, meaning in {
            "": "this modality's share of the {} beyond class frequencies, over orders of joining",
            "_sum": "sum of the Shapley values in {} of all modalities",
            "_whole": "{} of all modalities minus that of class frequencies; values sum to it",
            "_draw_error": "standard error of the Shapley value in {} over sampled orders",
        }.items()
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Score all subsets, or those along sampled orders.

        Raises:
            MmbalError: absence is "refit" and there are no validation examples.
        """
        names = context.modalities
        choices = {"exact": True, "sampled": False, "auto": all_are_cheap(context)}
        if choices[self.options.method]:
            pairs, weights = [], exact_weights(names)
        else:
            pairs = pair_weights(names, self.options.pairs, context.seed)
            weights = _mean(pairs)
        context.announce(
            (s, a) for a in self.options.absences if a != "refit" for s in weights if s
        )
        for absence in self.options.absences:
            yield from self._scores(context, absence, weights, pairs)

    def _scores(
        self,
        context: EvaluationContext,
        absence: str,
        weights: Weights,
        pairs: Sequence[Weights],
    ) -> Iterator[Score]:
        """Yield the values under one absence."""
        names, means = context.modalities, dict[Subset, np.ndarray]()
        values = np.zeros(())  # (measure, modality, example)
        for subset, weight in weights.items():
            scored = worth(context, subset, absence)
            means[subset] = scored.mean(axis=1)
            values = values + weight[:, None] * scored[:, None]
        whole = means[names] - means[()]
        drawn = np.array([sum(np.outer(means[s], w) for s, w in p.items()) for p in pairs])
        for i, measure in enumerate(MEASURES):
            score = f"shapley_{measure}"
            for j, name in enumerate(names):
                value, error = float(values[i, j].mean()), standard_error(values[i, j])
                yield Score(f"{score}@{absence}/{name}", value, error, headline=not i)
                if pairs:
                    spread = float(standard_error(drawn[:, i, j]))
                    yield Score(f"{score}_draw_error@{absence}/{name}", spread)
            yield Score(f"{score}_sum@{absence}", float(values[i].mean(axis=1).sum()))
            yield Score(f"{score}_whole@{absence}", float(whole[i]))


def exact_weights(names: Subset) -> Weights:
    """Return what every subset counts in the exact values."""
    count = len(names)
    weights = {}
    for size in range(count + 1):
        joined = math.factorial(max(size - 1, 0)) * math.factorial(count - size)
        left = math.factorial(size) * math.factorial(max(count - size - 1, 0))
        for subset in combinations(names, size):
            counts = [joined if name in subset else -left for name in names]
            weights[subset] = np.array(counts) / math.factorial(count)
    return weights


def pair_weights(names: Subset, pairs: int, seed: int) -> list[Weights]:
    """Return what subsets count in the mean of the values along an order and its reverse.

    Args:
        names: of the modalities.
        pairs: how many.
        seed: of the orders.
    """
    random, found = np.random.default_rng(seed), []
    for _ in range(pairs):
        order = [int(place) for place in random.permutation(len(names))]
        found.append(_mean([_along(names, order), _along(names, order[::-1])]))
    return found


def _along(names: Subset, order: Sequence[int]) -> Weights:
    """Return what subsets count in what each modality adds when they join in an order."""
    weights: Weights = {}
    for last in range(len(order) + 1):
        joined = sorted(order[:last])
        weight = weights[tuple(names[i] for i in joined)] = np.zeros(len(names))
        if last:
            weight[order[last - 1]] = 1
        if last < len(order):
            weight[order[last]] = -1
    return weights


def _mean(several: Sequence[Weights]) -> Weights:
    total: Weights = {}
    for weights in several:
        for subset, weight in weights.items():
            total[subset] = total.get(subset, 0) + weight / len(several)
    return total
