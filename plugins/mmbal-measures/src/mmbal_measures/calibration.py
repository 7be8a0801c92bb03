"""Whether a prediction is as sure as it is right, and whether it is less sure of less."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from mmbal.evaluation import (
    TEMPERATURES,
    Evaluation,
    EvaluationContext,
    Score,
    Table,
    finite,
    fit_temperature,
    mean_score,
    nll,
    right,
)
from mmbal_measures.options import CalibrationOptions
from mmbal_measures.reliability import BINNINGS, COLUMNS, Reliability, by_mass, classwise_error
from mmbal_measures.violation import probabilities, violations


class Calibration(Evaluation):
    """Yields how well the confidence of the fused prediction fits its accuracy.

    - `nll` (nats), `brier`: sum over classes of (p_k - [y = k])^2, in 0..2; means over examples.
    - `ece_width`, `ece_mass`: mean distance of confidence and accuracy over bins of equal width
      (low, high], and of equal numbers of examples. Beside each its `_floor`, what a perfectly
      calibrated prediction of such confidences would have: the bias of so few examples.
    - `ece_squared`: mean squared distance over bins of equal numbers, less its bias; may be < 0.
    - `ece_classwise`: mean over the classes that exist of the error of p_k.
    - `temperature`: T by which validation's logits / T have the least NLL, within 0.05 and 20;
      `temperature_at_bound`: whether T is one of these; `nll_scaled`, `ece_mass_scaled`: with it.
      NaN where there is no validation, or it is what is scored.
    - `violation@ABSENCE/m`, `violation@ABSENCE`: how often confidence rises when m leaves all, and
      when modalities leave any subset (`violations`). What zeros leave is often flat, and hides it.
    - `nonfinite_calibration`: number of examples with a logit that is not finite, if any; all but
      the temperature is NaN then.

    The curve is the table `reliability`, by both kinds of bins, with 95 % Wilson intervals.

    Source: Guo et al., ICML 2017 (arXiv 1706.04599); Nixon et al., 2019 (arXiv 1904.01685); Kumar,
    Liang, Ma, NeurIPS 2019 (arXiv 1909.10155); Ma et al., ICML 2023 (arXiv 2306.01265).
    """

    options: CalibrationOptions
    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "nll": "negative log-likelihood of the labels, nats",
        "brier": "squared distance of probabilities from the label, summed over classes, 0 to 2",
        "ece_width": "mean distance of confidence and accuracy over bins of equal width",
        "ece_width_floor": "ece_width of a perfectly calibrated prediction on so many examples",
        "ece_mass": "mean distance of confidence and accuracy over bins of equal numbers",
        "ece_mass_floor": "ece_mass of a perfectly calibrated prediction on so many examples",
        "ece_squared": "mean squared distance over bins of equal numbers, less its bias",
        "ece_classwise": "mean over classes of the distance of p_k and the frequency of class k",
        "temperature": "T by which logits / T fit the validation labels best; above 1: too sure",
        "temperature_at_bound": "1 where the temperature is at 0.05 or 20: it fits no better",
        "nll_scaled": "negative log-likelihood, nats, of logits / T",
        "ece_mass_scaled": "ece_mass of logits / T",
        "violation": "share of examples whose confidence rises when this modality leaves all, or "
        "any leave any",
        "nonfinite_calibration": "examples with a logit that is not finite; calibration is NaN",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score | Table]:
        """Score the fused prediction, and that of subsets."""
        said, bins = context.predictions(), self.options.bins
        labels, chances = said.labels, probabilities(said.logits)
        yield mean_score("nll", nll(said.logits, labels), headline=True)
        truth = labels[:, None] == np.arange(chances.shape[1])
        yield mean_score("brier", np.square(chances - truth).sum(axis=1))
        confidence, hits = chances.max(axis=1), right(said.logits, labels)
        binned = {k: Reliability.of(confidence, hits, by, bins) for k, by in BINNINGS.items()}
        for kind, found in binned.items():
            yield Score(f"ece_{kind}", found.error, headline=kind == "mass")
            yield Score(f"ece_{kind}_floor", found.floor)
        yield Score("ece_squared", binned["mass"].debiased_square)
        yield Score("ece_classwise", classwise_error(chances, labels, bins))
        yield from self._scaled(context)
        if bad := int(np.count_nonzero(~finite(said.logits))):
            yield Score("nonfinite_calibration", bad)
        for absence in self.options.absences:
            yield from violations(context, absence)
        axes = {
            "bins": tuple(binned),
            "bin": tuple(str(number + 1) for number in range(bins)),
            "of": COLUMNS,
        }
        curves = np.stack([found.curve() for found in binned.values()])
        yield Table("reliability", axes, curves, "confidence and accuracy of examples by bin")

    def _scaled(self, context: EvaluationContext) -> Iterator[Score]:
        """Yield the temperature that validation asks for, and what it does to the scored split."""
        temperature, said = math.nan, context.predictions()
        if context.split != "validation" and context.has("validation"):
            held_out = context.predictions("validation")
            temperature = fit_temperature(held_out.logits, held_out.labels)
        known = not math.isnan(temperature)
        yield Score("temperature", temperature)
        bound = float(temperature in TEMPERATURES) if known else math.nan
        yield Score("temperature_at_bound", bound)
        logits = said.logits.astype(np.float64) / temperature
        yield mean_score("nll_scaled", nll(logits, said.labels))
        hits = right(said.logits, said.labels)  # a temperature changes none
        confidence = probabilities(logits).max(axis=1)
        scaled = Reliability.of(confidence, hits, by_mass, self.options.bins)
        yield Score("ece_mass_scaled", scaled.error)
