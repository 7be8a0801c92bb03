"""How good predictions are class by class: recall, F1, areas under curves, confusions."""

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.options import ClassificationOptions
from mmbal.evaluation.results import Score, Table
from mmbal.evaluation.statistics import (
    finite,
    mean_score,
    nonfinite,
    predicted,
    right,
    standard_error,
)
from mmbal.evaluation.subsets import subsets_of

_SCORES = {
    "balanced_accuracy": "mean recall of classes",
    "macro_f1": "mean F1 of classes",
    "weighted_f1": "mean F1 of classes, weighted by their examples",
    "top5_accuracy": "share of examples whose class is among the 5 largest logits",
    "roc_auc": "mean area under the ROC curves of each class against the others",
    "average_precision": "mean average precision of each class against the others",
    "nonfinite_logits": "examples with a logit that is not finite: wrong, and without areas",
}
_WHOSE = {
    "": "",
    "branch_": "; of a branch, which may see the others through the fusion",
    "slice_": "; of a part in a sum of logits, which was not trained to work alone",
    "subset_": "; where only these modalities are present",
}
_TABLES = {
    "confusion_matrix": "examples by class and predicted class; none where a logit is not finite",
    "recall_by_class": "share of the examples of a class that is predicted so",
    "roc_auc_by_class": "area under the ROC curve of each class against the others",
    "average_precision_by_class": "average precision of each class against the others",
}
_Named = tuple[str, str, np.ndarray]
"""What stands before and behind a score's name, and logits (draw, example, class)."""


class Classification(Evaluation):
    """Yields scores of classification of the fused prediction, of modalities and of subsets.

    Those of a modality are called `branch_SCORE/m`, or `slice_SCORE/m` where its prediction is a
    slice of a joint classifier, those of subsets `subset_SCORE@ABSENCE/a+b`. With n_c examples of
    class c, of which r_c are right and p_c are predicted to be of class c:

    - `balanced_accuracy`: mean over classes of recall r_c / n_c; its standard error is the root of
      the sum of the squared ones of recalls, divided by their number (NaN where a class has one
      example).
    - `macro_f1`, `weighted_f1`: mean of 2 r_c / (n_c + p_c), plain and weighted by n_c.
    - `topK_accuracy`: the class is among the K largest logits.
    - `roc_auc`, `average_precision`: means of each class against all others, by its
      log-probability.
    - `nonfinite_logits`: number of examples with a logit that is not finite, where there are any.

    Means are over the classes that exist in the split; what a class without an example has is NaN.
    An example with a logit that is not finite is wrong, and makes areas under curves NaN. What
    marginal absence yields is the mean over its draws. By class there are tables.

    Source: scikit-learn's metrics of these names (Pedregosa et al., JMLR 2011).
    """

    options: ClassificationOptions
    meanings: ClassVar[Mapping[str, str]] = {
        f"{prefix}{score}": f"{meaning}{whose}"
        for prefix, whose in _WHOSE.items()
        for score, meaning in _SCORES.items()
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score | Table]:
        """Score the predictions that the options name."""
        labels = context.predictions().labels
        classes = context.class_names or tuple(map(str, range(context.classes)))
        _tell_empty(labels, classes, context.split)
        rows: dict[str, dict[str, np.ndarray]] = {}
        for prefix, suffix, logits in self._predictions(context):
            draws = [_by_class(each, labels) for each in logits]
            measured = {name: np.mean([draw[name] for draw in draws], 0) for name in draws[0]}
            for score in _scores(logits, labels, measured, self.options.top_k):
                short = not prefix and score.name in ("balanced_accuracy", "macro_f1")
                yield score._replace(name=f"{prefix}{score.name}{suffix}", headline=short)
            rows[f"{prefix.removesuffix('_')}{suffix}" or "fused"] = measured
        for name, description in _TABLES.items():
            axes = {"prediction": tuple(rows), "class": classes}
            if name == "confusion_matrix":
                axes["predicted"] = classes
            values = np.stack([measured[name] for measured in rows.values()])
            yield Table(name, axes, values, description)

    def _predictions(self, context: EvaluationContext) -> Iterator[_Named]:
        whole = context.predictions()
        if "fused" in self.options.of:
            yield "", "", whole.logits[None]
        if "modalities" in self.options.of:
            for modality, logits in whole.unimodal.items():
                yield f"{context.unimodal_kind}_", f"/{modality}", logits[None]
        if "subsets" in self.options.of:
            subsets = subsets_of(context)
            for absence in self.options.absences:
                for subset in subsets[:-1] or subsets:  # all of them make the fused prediction
                    logits = context.subset(None, subset, absence)
                    yield "subset_", f"@{absence}/{'+'.join(subset)}", logits


def _scores(
    logits: np.ndarray, labels: np.ndarray, measured: Mapping[str, np.ndarray], k: int
) -> Iterator[Score]:
    """Yield the scores of one prediction.

    Args:
        logits: (draw, example, class).
        labels: (example,).
        measured: what `_by_class` returns, as a mean over draws.
        k: of the accuracy among the k largest.
    """
    f1, hits = measured["f1"], right(logits, labels).mean(axis=0)
    errors = [standard_error(hits[labels == label]) for label in np.unique(labels)]
    error = float(np.linalg.norm(errors)) / len(errors)
    yield Score("balanced_accuracy", _macro(measured["recall_by_class"]), error)
    yield Score("macro_f1", _macro(f1))
    counts = np.bincount(labels, minlength=len(f1))
    yield Score("weighted_f1", float(np.nansum(f1 * counts)) / len(labels))
    if k < len(f1):
        yield mean_score(f"top{k}_accuracy", _among_largest(logits, labels, k).mean(axis=0))
    for area in ("roc_auc", "average_precision"):
        yield Score(area, _macro(measured[f"{area}_by_class"]))
    if bad := nonfinite(np.concatenate([*logits], axis=1)):
        yield Score("nonfinite_logits", bad)


def _by_class(logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return recall, F1 and areas of every class, (class,), and the confusion matrix.

    NaN where there is none; F1 too is NaN for a class without examples.

    Args:
        logits: (example, class).
        labels: (example,).
    """
    from scipy.special import log_softmax
    from sklearn import metrics

    every, guesses = np.arange(logits.shape[1]), predicted(logits)
    _, recall, f1, counts = metrics.precision_recall_fscore_support(
        labels, guesses, labels=every, zero_division=math.nan
    )
    roc, precision = np.full((2, len(every)), math.nan)
    if finite(logits).all():
        scores = log_softmax(logits.astype(np.float64), axis=1)
        for label in np.flatnonzero(counts):
            own, score = labels == label, scores[:, label]
            precision[label] = metrics.average_precision_score(own, score)
            if counts[label] < len(labels):
                roc[label] = metrics.roc_auc_score(own, score)
    confusion = metrics.confusion_matrix(labels, guesses, labels=every)
    return {
        "confusion_matrix": confusion.astype(np.float64),
        "recall_by_class": recall,
        "f1": np.where(counts, f1, math.nan),
        "roc_auc_by_class": roc,
        "average_precision_by_class": precision,
    }


def _among_largest(logits: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return whether the label is among the k largest, (draw, example); first of equal ones first.

    scikit-learn takes the last of equal ones first, and no logits that are not finite.
    """
    own = np.take_along_axis(logits, np.broadcast_to(labels[:, None], (*logits.shape[:2], 1)), -1)
    earlier = np.arange(logits.shape[-1]) < labels[:, None]
    ahead = (logits > own) | ((logits == own) & earlier)
    return finite(logits) & (ahead.sum(axis=-1) < k)  # type: ignore[no-any-return]


def _macro(values: np.ndarray) -> float:
    """Return the mean over the classes that have a number; NaN where none has."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else math.nan


def _tell_empty(labels: np.ndarray, classes: tuple[str, ...], split: str) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        warnings.warn(
            f"{split} has no example of {', '.join(empty)}: what depends on one is NaN there, and "
            "means are over the other classes",
            stacklevel=2,
        )
