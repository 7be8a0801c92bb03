"""Scores of single examples and standard errors by hand."""

import math

import numpy as np
import pytest

from mmbal.evaluation import statistics

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("logits", "label", "expected"),
    [
        ([1.0, 2.0], 1, 1),
        ([1.0, 2.0], 0, 0),
        ([0.0, 0.0], 0, 1),  # the first of equal ones
        ([0.0, 0.0], 1, 0),
        ([0.0, 2.0, 2.0], 1, 1),
        ([NAN, NAN], 0, 0),
        ([NAN, 1.0], 1, 0),
        ([INF, 1.0], 0, 0),
        ([-INF, 1.0], 1, 0),
    ],
)
def test_right(logits, label, expected):
    found = statistics.right(np.array([logits], "float32"), np.array([label]))

    assert found.tolist() == [expected]
    assert found.dtype == np.float64


def test_examples_that_are_not_finite_are_counted():
    logits = np.array([[0.0, 1.0], [NAN, NAN], [0.0, INF]])
    assert statistics.nonfinite(logits) == 2
    assert statistics.nonfinite(np.stack([logits, np.zeros((3, 2))])) == 2


def test_nll_of_logits():
    logits = np.array([[0, math.log(3)], [0, math.log(3)], [0, 1000], [NAN, 0], [0, -INF]])

    found = statistics.nll(logits.astype("float32"), np.array([0, 1, 0, 0, 0]))

    expected = [math.log(4), math.log(4 / 3), 1000, NAN, NAN]
    assert found == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_draws_come_first():
    logits = np.array([[[0.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    labels = np.array([0, 1])

    assert statistics.right(logits, labels).tolist() == [[0, 1], [1, 1]]
    losses = statistics.nll(logits, labels)
    small, large = math.log1p(math.exp(-1)), math.log1p(math.exp(1))
    assert losses == pytest.approx(np.array([[large, small], [small, small]]))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.repeat([1.0, 0.0], [80, 20]), 0.04),
        (np.repeat([1.0, 0.0], [137, 63]), 0.0328462),
        (np.ones(5), 0),
        (np.array([1.0, 2.0, 6.0]), math.sqrt(7 / 3)),  # squares 4 + 1 + 9 of 2
        (np.array([1.0]), NAN),
        (np.array([1.0, NAN]), NAN),
    ],
)
def test_standard_error(values, error):
    assert statistics.standard_error(values) == pytest.approx(error, rel=1e-5, nan_ok=True)


def test_a_difference_is_paired():
    # 62 right in both, 18 of all alone, 4 of the rest alone, 16 wrong in both.
    every = np.repeat([1.0, 0.0], [80, 20])
    rest = np.repeat([1.0, 0.0, 1.0, 0.0], [62, 18, 4, 16])

    assert statistics.paired_difference(every, rest) == pytest.approx((0.14, 0.0449916), rel=1e-5)
    assert math.isnan(statistics.paired_difference(every[:1], rest[:1])[1])


def test_frequencies_of_classes():
    found = statistics.constant_logits(np.array([0, 1, 1, 1]), 3)
    assert found == pytest.approx([math.log(0.25), math.log(0.75), -36.0437], rel=1e-5)


def test_mean_score():
    score = statistics.mean_score("a", np.array([1.0, 0.0]), headline=True)
    assert score == ("a", 0.5, pytest.approx(0.5 / math.sqrt(2)), True)
