"""What an evaluation sees, measured once and worked by hand."""

import numpy as np
import pytest

from mmbal.evaluation.context import Evaluation, EvaluationContext
from mmbal.evaluation.probe import Probe

NO, YES = [4.0, 0.0], [0.0, 4.0]
QUIET = [0.0, 0.0]
LABELS = [0, 0, 1, 1, 1]
A = [NO, NO, YES, NO, QUIET]
B = [QUIET, YES, QUIET, [0.0, 5.0], [1.0, 0.0]]
# Both branches see a + b: [4,0] [4,4] [0,4] [4,5] [1,0]; argmax of a tie is the first.


@pytest.fixture
def context(scripted, batches):
    data = batches(LABELS, a=A, b=B)
    return EvaluationContext(Probe(scripted()), data, data.take(1))


def test_measures_once(context, monkeypatch):
    calls = []
    scores = context.probe.scores
    monkeypatch.setattr(context.probe, "scores", lambda *a: calls.append(a) or scores(*a))
    assert context.full is context.full
    assert context.blocked is context.blocked
    assert len(calls) == 2


def test_blocks_with_the_means_of_the_training_set(context):
    # The first batch of two: mean of a (4, 0), of b (0, 2).
    np.testing.assert_allclose(context.squeeze_means["mix"], [[4, 0], [0, 2]])
    # a + (0, 2): [4,2] [4,2] [0,6] [4,2] [0,2]; b + (4, 0): [4,0] [4,4] [4,0] [4,5] [5,0].
    assert context.blocked.unimodal == pytest.approx({"a": 4 / 5, "b": 3 / 5})


def test_another_split_shares_the_means(context, batches):
    assert not context.has_means
    assert not context.another(context.data, "train").has_means
    means = context.squeeze_means
    other = context.another(batches([1], a=[YES], b=[QUIET]), "validation")
    assert other.has_means
    assert other.squeeze_means is means
    assert other.full.fused == 1
    assert context.full.fused == pytest.approx(4 / 5)
    assert other.modalities == ("a", "b")
    assert (context.split, other.split) == ("test", "validation")


def test_an_evaluation_says_what_it_yields():
    with pytest.raises(TypeError, match="__call__"):
        Evaluation()
