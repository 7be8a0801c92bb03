"""How much a linear classifier reads from frozen features."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from mmbal.errors import MmbalError
from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.linear_fit import PENALTIES, Labelled, LinearFit, fit_linear_probe
from mmbal.evaluation.options import LinearProbeOptions
from mmbal.evaluation.results import Score
from mmbal.evaluation.statistics import mean_score, nll, right
from mmbal.evaluation.subsets import Subsets


class LinearProbe(Evaluation):
    """Yields what a linear classifier reads from the frozen features of modalities.

    `fit_linear_probe` fits to features of plain training examples in inference mode, of single
    modalities, of pairs and of all together; where they depend on other modalities, those are at
    their training means. Lambda is 1, 0.1, ... or 1e-6, until two in a row make
    validation worse.

    - `probe_accuracy/m`, `probe_nll/m` (nats), also called `subset_accuracy@refit/m` and
      `subset_nll@refit/m`; standard errors are over the scored examples.
    - `probe_lambda/m`: the lambda; `probe_at_border/m`: whether it is the first or the last.
    - `probe_refit_deviation/m`, where `refits` asks for it: the standard deviation of accuracy over
      fits to training examples drawn with replacement, at the same lambda.

    It is blind to what only modalities together tell and the fusion has not written into features.
    What is scored on validation has chosen the lambda there, too.

    Source: linear classifier probes, Alain and Bengio, 2016 (arXiv 1610.01644).
    """

    options: LinearProbeOptions
    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "probe_accuracy": "accuracy of a linear classifier on frozen features of these alone",
        "probe_nll": "negative log-likelihood, nats, of that linear classifier",
        "probe_lambda": "penalty of its weights, chosen on validation",
        "probe_at_border": "1 where that is the strongest or the weakest penalty tried",
        "probe_refit_deviation": "standard deviation of its accuracy over resampled training",
        **{score: Subsets.meanings[score] for score in ("subset_accuracy", "subset_nll")},
    }

    def needs(self) -> frozenset[str]:
        """Return `reads` and the features as `pool` makes them."""
        return self.reads | {self._part}

    @property
    def _part(self) -> str:
        return {"mean": "features", "grid": "grids", "flat": "flats"}[self.options.pool]

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Fit on training, choose on validation, score.

        Raises:
            MmbalError: there are no validation examples.
        """
        for subset in self._subsets(context.modalities):
            fit = fitted_probe(context, subset, self._part, self.options.memory)
            scored, name = _labelled(context, subset, self._part), "+".join(subset)
            logits = fit.logits(scored.features)
            hits, losses = right(logits, scored.labels), nll(logits, scored.labels)
            yield mean_score(f"probe_accuracy/{name}", hits, headline=len(subset) == 1)
            yield mean_score(f"probe_nll/{name}", losses)
            yield mean_score(f"subset_accuracy@refit/{name}", hits)
            yield mean_score(f"subset_nll@refit/{name}", losses)
            yield Score(f"probe_lambda/{name}", fit.penalty)
            border = fit.penalty in (PENALTIES[0], PENALTIES[-1]) and len(fit.present) > 1
            yield Score(f"probe_at_border/{name}", float(border))
            if self.options.refits:
                spread = self._spread(fit, context, subset)
                yield Score(f"probe_refit_deviation/{name}", spread)

    def _subsets(self, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return what is probed, each once: of two modalities, the pair is all of them."""
        sizes = {"singles": 1, "pairs": min(2, len(names)), "all": len(names)}
        asked = sorted({sizes[each] for each in self.options.of})
        return [subset for size in asked for subset in combinations(names, size)]

    def _spread(self, fit: LinearFit, context: EvaluationContext, subset: tuple[str, ...]) -> float:
        """Return the standard deviation of accuracy over refits; NaN for a single one."""
        train, validation, scored = (
            _labelled(context, subset, self._part, split) for split in ("train", "validation", None)
        )
        random, count, shares = np.random.default_rng(context.seed), len(train.labels), []
        limits: dict[str, Any] = {"penalties": (fit.penalty,), "memory": self.options.memory}
        for _ in range(self.options.refits):
            drawn = train.take(random.integers(count, size=count))
            logits = fit_linear_probe(drawn, validation, fit.classes, **limits).logits
            shares.append(right(logits(scored.features), scored.labels).mean())
        return float(np.std(shares, ddof=1)) if len(shares) > 1 else math.nan


def fitted_probe(
    context: EvaluationContext,
    modalities: Sequence[str],
    part: str = "features",
    memory: float = 1.0,
) -> LinearFit:
    """Return the linear probe of modalities, fitted once for all evaluations and splits.

    Args:
        context: whose training and validation examples it is fitted by.
        modalities: whose features are read, side by side.
        part: of `Predictions`, as of `EvaluationContext.features`.
        memory: as of `fit_linear_probe`.

    Raises:
        MmbalError: there are no validation examples.
    """
    if not context.has("validation"):
        raise MmbalError(
            "a linear probe chooses its penalty on validation examples, and there are none"
        )

    def fit() -> LinearFit:
        splits = ("train", "validation")
        train, validation = (_labelled(context, modalities, part, split) for split in splits)
        found = fit_linear_probe(train, validation, context.classes, memory=memory)
        for remark in found.remarks:
            warnings.warn(f"linear probe of {'+'.join(modalities)}: {remark}", stacklevel=4)
        return found

    return context.once(("probe", part, *modalities), fit)


def _labelled(
    context: EvaluationContext, modalities: Sequence[str], part: str, split: str | None = None
) -> Labelled:
    """Return features of modalities in a split, None being the scored one."""
    features = context.features(split, modalities, part)
    return Labelled(features, context.predictions(split).labels)
