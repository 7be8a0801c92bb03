"""What the accuracy evaluation yields."""

import numpy as np
import pytest

from mmbal.evaluation.accuracy import Accuracy

ZERO, ONE = [3.0, 0.0], [0.0, 3.0]


@pytest.mark.parametrize("modalities", ["a", "ab", "abc"])
def test_names_order_and_values(scripted, context, modalities):
    inputs = {m: [ZERO, ONE, ONE, ONE] for m in modalities}
    made = context(scripted(modalities), [0, 1, 1, 0], **inputs)
    scores = list(Accuracy()(made))
    names = ["accuracy", *(f"branch_accuracy/{m}" for m in modalities), "loss"]
    assert [score.name for score in scores] == names
    assert [score.value for score in scores[:-1]] == pytest.approx([0.75] * (1 + len(modalities)))
    # The root of a (1 - a) over n.
    assert [score.error for score in scores[:-1]] == pytest.approx(
        [np.sqrt(0.75 * 0.25 / 4)] * (1 + len(modalities))
    )
    assert [score.headline for score in scores] == [True] * (1 + len(modalities)) + [False]
    # Every branch sees the sum over M modalities: differences of 3 M, one of them the wrong way.
    count = len(modalities)
    margin = 3.0 * count
    each = (3 * np.log1p(np.exp(-margin)) + np.log1p(np.exp(margin))) / 4
    assert scores[-1].value == pytest.approx(count * each, rel=1e-6)
    assert not made.has_means  # normal gates need none
    assert {"accuracy", "branch_accuracy"} <= set(Accuracy.meanings)


def test_fused_and_unimodal_accuracies_differ(scripted, context):
    # Blocking by nothing, but branch b shouts: fused follows the mean of the logits.
    network = scripted("ab")
    call = network.call

    def apart(inputs, **options):
        outputs = call(inputs, **options)
        unimodal = dict(inputs)
        return outputs._replace(unimodal=unimodal, logits=network.fuse_logits(unimodal))

    network.call = apart
    made = context(network, [0, 0, 1], a=[ZERO, ZERO, ONE], b=[[0, 9.0], [0, 1.0], [9.0, 0]])
    scores = {score.name: score.value for score in Accuracy()(made)}
    assert scores["branch_accuracy/a"] == 1
    assert scores["branch_accuracy/b"] == 0
    assert scores["accuracy"] == pytest.approx(1 / 3)


def test_logits_that_are_no_numbers_are_wrong_and_counted(scripted, context):
    # TensorFlow's argmax of a row of NaN is 0, which would be right.
    rows = [[np.nan, np.nan], ZERO, [np.inf, 0.0]]
    scores = {s.name: s.value for s in Accuracy()(context(scripted("a"), [0, 0, 0], a=rows))}
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert np.isnan(scores["loss"])
    assert scores["nonfinite"] == scores["nonfinite/a"] == 2
