"""How often the fused prediction and every branch are right."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.results import Score
from mmbal.evaluation.statistics import nonfinite, right, standard_error


class Accuracy(Evaluation):
    """Yields `accuracy`, that of every branch or slice, in 0..1, and `loss`.

    - `branch_accuracy/MODALITY`: of a branch's own logits, with fusion on.
    - `slice_accuracy/MODALITY`: of a modality's part in a sum of logits (late fusion).
    - `head_accuracy/MODALITY`: of a classifier of its own, where a strategy trains one.
    - `loss`: nats, summed over branches, or that of a joint classifier.
    - `nonfinite/NAME`: examples whose logits are not finite, where there are any. They are wrong.

    None of these is what a modality reaches alone.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"heads"})
    meanings: ClassVar[Mapping[str, str]] = {
        "accuracy": "of the fused prediction",
        "branch_accuracy": "of a branch's own logits; it hears the others through the fusion",
        "slice_accuracy": "of a modality's part in the sum of logits, never asked to work alone",
        "head_accuracy": "of a classifier that the strategy trains on one modality's features",
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Score with normal gates."""
        said, kind = context.predictions(), context.unimodal_kind
        named = {"accuracy": said.logits}
        named |= {f"{kind}_accuracy/{m}": logits for m, logits in said.unimodal.items()}
        named |= {f"head_accuracy/{m}": logits for m, logits in (said.heads or {}).items()}
        for name, logits in named.items():
            hits = right(logits, said.labels)
            yield Score(name, float(hits.mean()), standard_error(hits), headline=True)
        losses = np.asarray(said.losses, np.float64)
        yield Score("loss", float(losses.mean()), standard_error(losses))
        for name, logits in named.items():
            if count := nonfinite(logits):
                yield Score(f"nonfinite/{name.partition('/')[2]}".rstrip("/"), float(count))
