"""How often the fused prediction and every branch alone are right."""

from collections.abc import Iterator

from mmbal.evaluation.context import Evaluation, EvaluationContext


class Accuracy(Evaluation):
    """Yields `accuracy`, `accuracy/MODALITY` (in 0..1) and `loss` (nats, summed over branches)."""

    def __call__(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        """Score with normal gates."""
        scores = context.full
        yield "accuracy", scores.fused
        for modality, accuracy in scores.unimodal.items():
            yield f"accuracy/{modality}", accuracy
        yield "loss", scores.loss
