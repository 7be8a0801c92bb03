"""How the modalities differ by each measure, with errors of paired examples."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import ClassVar

import numpy as np

from mmbal.evaluation import (
    Evaluation,
    EvaluationContext,
    Score,
    conditional_rate,
    paired_difference,
    right,
)
from mmbal_measures.perceptual import accuracy_lost
from mmbal_measures.shapley import exact_weights
from mmbal_measures.worth import all_are_cheap, all_but, worth

Rows = dict[str, np.ndarray]
"""Modality to what each example adds to its measure, (example,)."""


class Contrasts(Evaluation):
    """Yields what the card compares beside the measures themselves, with errors of paired examples.

    - `MEASURE_contrast/a+b`: a minus b by utilization (its negative: who leans less is used),
      `gain@mean`, `shapley_accuracy@mean` (where every subset is scored), `perceptual`,
      `probe_accuracy` and `blocked_accuracy`; a stands before b in the network.
    - `probe_above_chance/m`, `fused_above_chance`, `heard_above_chance/m`: accuracy of the probe,
      of the fused prediction and of the one whose utilization is measured, minus that of the
      frequencies of classes in training.

    Source: as the measures; errors of utilization and perceptual score are of first order.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        "utilization_contrast": "how much less the first modality leans on others than the second",
        "gain_contrast": "gain of the first modality minus that of the second",
        "shapley_contrast": "Shapley value of the first modality minus that of the second",
        "perceptual_contrast": "perceptual score of the first modality minus that of the second",
        "probe_contrast": "probe accuracy of the first modality minus that of the second",
        "blocked_contrast": "blocked accuracy of the first modality minus that of the second",
        "probe_above_chance": "probe accuracy minus that of the frequencies of classes",
        "fused_above_chance": "accuracy minus that of the frequencies of classes",
        "heard_above_chance": "accuracy that utilization is a share of, minus that of frequencies",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Compare every two modalities.

        Raises:
            MmbalError: there are no validation examples.
        """
        names, said, blocked = context.modalities, context.predictions(), context.blocked()
        chance = worth(context, (), "")[0]
        heard = {m: right(said.conditional[m], said.labels) for m in names}
        deaf = {m: right(blocked.conditional[m], said.labels) for m in names}
        probed = {m: worth(context, (m,), "refit")[0] for m in names}
        yield Score(
            "fused_above_chance", *paired_difference(right(said.logits, said.labels), chance)
        )
        for m in names:
            yield Score(f"probe_above_chance/{m}", *paired_difference(probed[m], chance))
            yield Score(f"heard_above_chance/{m}", *paired_difference(heard[m], chance))
        if len(names) == 1:
            return
        measures = {
            "utilization": {m: _less_leaning(heard[m], deaf[m]) for m in names},
            "gain": {m: _gain(context, m) for m in names},
            "shapley": _shapley(context),
            "perceptual": {m: _perceptual(context, m) for m in names},
            "probe": probed,
            "blocked": deaf,
        }
        for a, b in combinations(names, 2):
            for measure, rows in measures.items():
                if rows:
                    difference = paired_difference(rows[a], rows[b])
                    yield Score(f"{measure}_contrast/{a}+{b}", *difference)


def _less_leaning(heard: np.ndarray, deaf: np.ndarray) -> np.ndarray:
    """Return what each example adds to minus the utilization, (example,) with that mean."""
    rate, influence = conditional_rate(heard, deaf)
    return -(influence + rate)


def _gain(context: EvaluationContext, modality: str) -> np.ndarray:
    names = context.modalities
    whole = worth(context, names, "mean")[0]
    return whole - worth(context, all_but(modality, names), "mean")[0]  # type: ignore[no-any-return]


def _perceptual(context: EvaluationContext, modality: str) -> np.ndarray:
    said, rest = context.predictions(), all_but(modality, context.modalities)
    received = right(context.subset(None, rest, "marginal"), said.labels)
    donors = [draw[modality] for draw in context.donors()]
    return accuracy_lost(right(said.logits, said.labels), received, donors)[1]


def _shapley(context: EvaluationContext) -> Rows:
    """Return what each example adds to Shapley values in accuracy; {} where these are drawn."""
    if not all_are_cheap(context):
        return {}
    rows = sum(
        weight[:, None] * worth(context, subset, "mean")[0]
        for subset, weight in exact_weights(context.modalities).items()
    )
    return dict(zip(context.modalities, rows, strict=True))
