"""What an evaluation sees, measured once and worked by hand."""

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation.context import Evaluation

NO, YES = [4.0, 0.0], [0.0, 4.0]
QUIET = [0.0, 0.0]
LABELS = [0, 0, 1, 1, 1]
A = [NO, NO, YES, NO, QUIET]
B = [QUIET, YES, QUIET, [0.0, 5.0], [1.0, 0.0]]
# Both branches see a + b: [4,0] [4,4] [0,4] [4,5] [1,0]; argmax of a tie is the first.


@pytest.fixture
def made(scripted, context):
    return context(scripted(), LABELS, train=2, a=A, b=B)


def test_measures_once(made):
    assert made.predictions() is made.predictions("test")
    assert made.blocked() is made.blocked()
    assert made.subset("test", ("a",), "mean") is made.subset(None, ["a"], "mean")
    assert made.classes == 2


def test_blocks_with_the_means_of_the_training_set(made):
    # The first two: mean of a (4, 0), of b (0, 2).
    np.testing.assert_allclose(made.means["mix"], [[4, 0], [0, 2]])
    np.testing.assert_allclose(made.blocked().unimodal["a"], np.add(A, [0, 2]))
    np.testing.assert_allclose(made.blocked().unimodal["b"], np.add(B, [4, 0]))
    np.testing.assert_allclose(made.subset(None, ("a",), "mean"), [np.add(A, [0, 2])])


def test_another_split_shares_what_was_measured(made):
    assert not made.has_means
    means = made.means
    other = made.another("train")
    assert other.has_means
    assert other.means is means
    assert len(other.predictions().logits) == 2
    assert other.modalities == ("a", "b")
    assert (made.split, other.split) == ("test", "train")


def test_what_is_not_there_is_named(made):
    with pytest.raises(MmbalError, match=r"no validation examples; .*'test', 'train'"):
        made.predictions("validation")
    with pytest.raises(MmbalError, match="unknown modality 'c'"):
        made.subset(None, ("c",), "zero")
    with pytest.raises(MmbalError, match="unknown absence 'zeros'; did you mean 'zero'"):
        made.subset(None, ("a",), "zeros")
    with pytest.raises(MmbalError, match="needs a modality of a, b"):
        made.subset(None, (), "zero")
    with pytest.raises(MmbalError, match="features are not read"):
        made.features(None, ("a",))
    assert not made.has("validation")


def test_an_evaluation_says_what_it_yields():
    with pytest.raises(TypeError, match="__call__"):
        Evaluation()
