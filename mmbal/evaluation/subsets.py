"""What every subset of the modalities is good for, and what each modality adds to the others."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np

from mmbal.errors import MmbalError
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.options import SubsetsOptions
from mmbal.evaluation.results import Score, Table
from mmbal.evaluation.statistics import constant_logits, mean_score, nll, paired_difference, right

MOST = 6
"""Modalities whose 63 subsets take passes of their own."""
MOST_OF_A_SUM = 12
"""Modalities whose 4,095 subsets are sums of what one pass yields."""
Subset = tuple[str, ...]
PerExample = dict[Subset, np.ndarray]


class Subsets(Evaluation):
    """Yields accuracy and negative log-likelihood (NLL, nats) of every subset of the modalities.

    v(S) is the score of the prediction where only the modalities S are present, and `@ABSENCE` what
    stands for the others: zeros, their means over the training set, or (`marginal`) what other
    examples of the split have, where the score is the mean over draws. v of no modality is that of
    the class frequencies of the training set, whose labels cost one pass.

    - `subset_accuracy@ABSENCE/a+b`, `subset_nll@ABSENCE/a+b`: v(S), and both as tables.
    - `gain@ABSENCE/m`: v(all) - v(all but m) in accuracy, what m adds to the rest;
      `gain_nats@ABSENCE/m` the same in NLL saved.
    - `subset_accuracy@marginal_mixture/a+b`, `subset_nll@marginal_mixture/a+b`: of the mean
      probability over the draws of `marginal`.
    - `best_single_margin@ABSENCE`: accuracy of all minus that of the best single modality.
    - `constant_accuracy`, `constant_nll`: v of no modality.

    Standard errors are over examples, those of differences over the differences of examples.

    Source: absence by a mean as in Wu et al., ICML 2022 (arXiv 2202.05306), section 3; by other
    examples as in Gat, Schwartz and Schwing, 2021 (arXiv 2110.14375).
    """

    options: SubsetsOptions
    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "subset_accuracy": "accuracy where only these modalities are present",
        "subset_nll": "negative log-likelihood, nats, where only these modalities are present",
        "gain": "accuracy of all modalities minus that of all but this one",
        "gain_nats": "negative log-likelihood, nats, that this modality saves beside all others",
        "best_single_margin": "accuracy of all modalities minus that of the best single one",
        "constant_accuracy": "accuracy of predicting the frequencies of classes in training",
        "constant_nll": "negative log-likelihood, nats, of the frequencies of classes in training",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score | Table]:
        """Score all subsets under every absence.

        Raises:
            MmbalError: there are too many modalities.
        """
        subsets = subsets_of(context)
        context.announce((subset, each) for each in self.options.absences for subset in subsets)
        floor = example_scores(context, (), "")
        yield mean_score("constant_accuracy", floor[0])
        yield mean_score("constant_nll", floor[1])
        rows: list[list[list[float]]] = []
        for absence in self.options.absences:
            scored = {subset: example_scores(context, subset, absence) for subset in subsets}
            hits, losses = ({(): floor[i]} | {s: v[i] for s, v in scored.items()} for i in (0, 1))
            for subset in subsets:
                of = f"@{absence}/{'+'.join(subset)}"
                yield mean_score(f"subset_accuracy{of}", hits[subset])
                yield mean_score(f"subset_nll{of}", losses[subset])
            if absence == "marginal":
                yield from _mixtures(context, subsets[:-1])
            yield from _gains(hits, losses, context.modalities, absence)
            rows.append([[float(v.mean()) for v in each.values()] for each in (hits, losses)])
        axes = {
            "absence": self.options.absences,
            "modalities": ["(none)", *("+".join(subset) for subset in subsets)],
        }
        for i, score in enumerate(("subset_accuracy", "subset_nll")):
            values = np.array([row[i] for row in rows])
            yield Table(score, axes, values, self.meanings[score])


def subsets_of(context: EvaluationContext) -> list[Subset]:
    """Return every non-empty subset of the modalities, small ones first.

    Raises:
        MmbalError: there are more than can be scored.
    """
    names = context.modalities
    if len(names) > MOST:
        most = MOST if context.predictions().slices is None else MOST_OF_A_SUM
        if len(names) > most:
            raise MmbalError(
                f"subsets of at most {MOST} modalities can be scored, of {MOST_OF_A_SUM} where "
                f"fusion is a sum of logits; received {len(names)}, of which {most} are legal with "
                f"this network: {', '.join(names)}"
            )
    sizes = range(1, len(names) + 1)
    return [subset for size in sizes for subset in combinations(names, size)]


def example_scores(
    context: EvaluationContext, subset: Subset, absence: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return how often a subset is right and its NLL (nats), (example,) means over draws.

    Args:
        context: what is scored.
        subset: those present; () is scored by the frequencies of classes in training.
        absence: what stands for the others, as of `EvaluationContext.subset`.
    """
    whole = context.predictions()
    if not subset:
        constant = constant_logits(context.predictions("train").labels, context.classes)
        logits = np.broadcast_to(constant, (1, len(whole.labels), context.classes))
    elif len(subset) == len(context.modalities):  # nothing is absent
        logits = whole.logits[None]
    else:
        logits = context.subset(None, subset, absence)
    return right(logits, whole.labels).mean(axis=0), nll(logits, whole.labels).mean(axis=0)


def _mixtures(context: EvaluationContext, subsets: Sequence[Subset]) -> Iterator[Score]:
    """Yield the scores of the mean probability over draws of what is absent."""
    from scipy.special import log_softmax, logsumexp

    labels = context.predictions().labels
    for subset in subsets:
        logs = log_softmax(context.subset(None, subset, "marginal").astype(np.float64), axis=-1)
        mean = logsumexp(logs, axis=0) - np.log(len(logs))
        of = f"@marginal_mixture/{'+'.join(subset)}"
        yield mean_score(f"subset_accuracy{of}", right(mean, labels))
        yield mean_score(f"subset_nll{of}", nll(mean, labels))


def _gains(hits: PerExample, losses: PerExample, names: Subset, absence: str) -> Iterator[Score]:
    """Yield what each modality adds to the rest, and all of them to the best."""
    for modality in names:
        rest = tuple(name for name in names if name != modality)
        gain, error = paired_difference(hits[names], hits[rest])
        yield Score(f"gain@{absence}/{modality}", gain, error, headline=True)
        saved, error = paired_difference(losses[rest], losses[names])
        yield Score(f"gain_nats@{absence}/{modality}", saved, error)
    if len(names) > 1:
        best = max(((name,) for name in names), key=lambda single: hits[single].mean())
        margin, error = paired_difference(hits[names], hits[best])
        yield Score(f"best_single_margin@{absence}", margin, error)
