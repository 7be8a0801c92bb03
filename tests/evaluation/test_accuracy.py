"""What the accuracy evaluation yields."""

import numpy as np
import pytest

from mmbal.evaluation.accuracy import Accuracy
from mmbal.evaluation.context import EvaluationContext
from mmbal.evaluation.probe import Probe

ZERO, ONE = [3.0, 0.0], [0.0, 3.0]


@pytest.mark.parametrize("modalities", ["a", "ab", "abc"])
def test_names_order_and_values(scripted, batches, modalities):
    inputs = {m: [ZERO, ONE, ONE, ONE] for m in modalities}
    data = batches([0, 1, 1, 0], **inputs)
    context = EvaluationContext(Probe(scripted(modalities)), data, data)
    scores = list(Accuracy()(context))
    names = ["accuracy", *(f"accuracy/{m}" for m in modalities), "loss"]
    assert [name for name, _ in scores] == names
    assert [value for _, value in scores[:-1]] == pytest.approx([0.75] * (1 + len(modalities)))
    # Every branch sees the sum over M modalities: differences of 3 M, one of them the wrong way.
    count = len(modalities)
    margin = 3.0 * count
    each = (3 * np.log1p(np.exp(-margin)) + np.log1p(np.exp(margin))) / 4
    assert scores[-1][1] == pytest.approx(count * each, rel=1e-6)
    assert not context.has_means  # normal gates need none


def test_fused_and_unimodal_accuracies_differ(scripted, batches):
    # Blocking by nothing, but branch b shouts: fused follows the mean of the logits.
    network = scripted("ab")
    call = network.call

    def apart(inputs, **options):
        outputs = call(inputs, **options)
        unimodal = dict(inputs)
        return outputs._replace(unimodal=unimodal, logits=network.fuse_logits(unimodal))

    network.call = apart
    data = batches([0, 0, 1], a=[ZERO, ZERO, ONE], b=[[0, 9.0], [0, 1.0], [9.0, 0]])
    scores = dict(Accuracy()(EvaluationContext(Probe(network), data, data)))
    assert scores["accuracy/a"] == 1
    assert scores["accuracy/b"] == 0
    assert scores["accuracy"] == pytest.approx(1 / 3)
