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


def test_what_all_branches_hear_is_one_pass_for_subset_and_features(scripted, context):
    inputs = {"a": A, "b": B, "c": [NO] * 5}
    made = context(scripted("abc"), LABELS, reads=frozenset({"features"}), **inputs)
    before = made.subset(None, ("a", "b"), "mean")
    heard = made.hearing(None, ("b", "a"))
    # c at its mean is as it always is.
    np.testing.assert_allclose(heard.unimodal["c"], np.add(A, B) + NO)
    np.testing.assert_allclose(before, [heard.logits])
    assert made.features(None, ("a", "b")).shape == (5, 4)
    assert made.hearing("test", ("a", "b")) is heard
    assert made.subset(None, ("a", "b"), "mean") is before
    assert made.hearing(None, "abc") is made.predictions()


def test_a_subset_after_all_branches_heard_it_needs_no_pass(scripted, context, monkeypatch):
    made = context(scripted("abc"), LABELS, a=A, b=B, c=[NO] * 5)
    heard = made.hearing(None, ("a", "c"))
    made.predictions()
    monkeypatch.setattr(made.predictor, "predict", None)
    np.testing.assert_array_equal(made.subset(None, ("a", "c"), "mean"), [heard.logits])


def test_donors_are_those_of_marginal_absence(made):
    donors = made.donors()
    assert len(donors) == 10
    marginal = made.subset(None, ("a",), "marginal")
    for draw, logits in zip(donors, marginal, strict=True):
        assert sorted(draw["b"]) == [0, 1, 2, 3, 4]
        np.testing.assert_allclose(logits, np.add(A, np.array(B)[draw["b"]]))
    assert len(made.donors("train")[0]["a"]) == 2


def test_evaluations_share_what_is_measured_once(made):
    taken = []
    assert made.once(("mine", 1), lambda: taken.append(1) or "first") == "first"
    assert made.another("train").once(("mine", 1), lambda: taken.append(2)) == "first"
    assert taken == [1]


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
