"""Conditional utilization rates by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from mmbal.evaluation.utilization import Utilization, utilization_gap

NAN = float("nan")


def said(labels, **hits):
    """Return predictions that are right where `hits` say so."""
    logits = {m: np.eye(2)[np.where(right, labels, 1 - labels)] for m, right in hits.items()}
    return SimpleNamespace(labels=labels, conditional=logits)


@pytest.mark.parametrize(
    ("full", "blocked", "rate"),
    [
        (8, 6, 0.25),
        (5, 5, 0.0),
        (5, 0, 1.0),
        (2, 6, -2.0),  # not bounded by -1
        (0, 5, NAN),
        (0, 0, NAN),
    ],
)
def test_rate(full, blocked, rate):
    labels, rows = np.zeros(10, int), np.arange(10)
    parts = [said(labels, a=rows < right, b=rows < right) for right in (full, blocked)]
    made = SimpleNamespace(
        modalities=("a", "b"), predictions=lambda: parts[0], blocked=lambda: parts[1]
    )
    assert values(made)["utilization/a"] == pytest.approx(rate, nan_ok=True)


def test_errors_are_those_of_paired_examples():
    # 8 of 10 right, 6 of them still when blocked: psi = (.75 right - right') / .8 over examples:
    # six of -.3125, two of .9375, two of 0: mean 0, mean square .234375.
    labels, rows = np.zeros(10, int), np.arange(10)
    full, deaf = (said(labels, a=rows < n, b=rows < 5) for n in (8, 6))
    made = SimpleNamespace(modalities=("a", "b"), predictions=lambda: full, blocked=lambda: deaf)
    errors = {score.name: score.error for score in Utilization()(made)}
    assert errors["utilization/a"] == pytest.approx(np.sqrt(0.234375 / 9))
    assert errors["utilization/b"] == 0
    assert errors["d_util"] == pytest.approx(errors["utilization/a"])
    assert errors["blocked_accuracy/a"] == pytest.approx(np.sqrt(0.6 * 0.4 / 10))


@pytest.mark.parametrize(
    ("rates", "gap"),
    [
        ([0.25, 0.75], -0.5),
        ([0.75, 0.25], 0.5),
        ([0.5], 0.0),
        ([0.5, 0.0, 0.75], 0.75),
        ([0.1, -0.2, 0.3, 0.0], 0.5),
        ([NAN, 0.5], NAN),
        ([0.5, NAN], NAN),
        ([NAN, 0.5, 0.1], NAN),
        ([0.5, NAN, 0.1], NAN),
        ([0.5, 0.1, NAN], NAN),
        ([NAN], NAN),
    ],
)
def test_gap(rates, gap):
    assert utilization_gap(rates) == pytest.approx(gap, nan_ok=True)


def values(made):
    return {score.name: score.value for score in Utilization()(made)}


ZERO, ONE, QUIET = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]


def test_two_modalities_by_hand(scripted, context):
    # Labels 0 1 0 1. a is right alone on the first two and silent on the others; b always knows.
    a, b = [ZERO, ONE, QUIET, QUIET], [ZERO, ONE, ZERO, ONE]
    scores = values(context(scripted(), [0, 1, 0, 1], a=a, b=b))
    # Full: both see a + b, all right. Means: a (.25, .25), b (.5, .5): constants shift both
    # classes alike. Blocked a: rows 3 and 4 are ties, argmax 0: right, wrong -> 3/4.
    assert scores == pytest.approx(
        {
            "blocked_accuracy/a": 0.75,
            "blocked_accuracy/b": 1.0,
            "utilization/a": 0.25,
            "utilization/b": 0.0,
            "d_util": 0.25,
        }
    )
    assert list(scores)[-1] == "d_util"


def test_a_joint_prediction_is_compared_with_itself_relying_on_one_modality(joint, context):
    # Rows 1 and 2 are decided by a, whose mean is (.5, .5), the others by b: (0, 1).
    a, b = [[2.0, 0], [0, 2.0], QUIET, QUIET], [QUIET, QUIET, [0, 2.0], [0, 2.0]]
    scores = values(context(joint, [0, 1, 1, 1], a=a, b=b))
    # Together always right. a and (0, 1): too. b and (.5, .5): rows 1 and 2 are ties, that say 0.
    assert scores == pytest.approx(
        {
            "blocked_accuracy/a": 1,
            "blocked_accuracy/b": 0.75,
            "utilization/a": 0,
            "utilization/b": 0.25,
            "d_util": -0.25,
        }
    )


def test_one_modality_has_nothing_to_use(scripted, context):
    scores = values(context(scripted("a"), [0, 1], a=[ZERO, ZERO]))
    assert scores["blocked_accuracy/a"] == 0.5
    assert np.isnan([scores["utilization/a"], scores["d_util"]]).all()


def test_three_modalities(scripted, context):
    inputs = {"a": [ZERO, ONE], "b": [QUIET, QUIET], "c": [QUIET, QUIET]}
    scores = values(context(scripted("abc"), [0, 1], **inputs))
    # Only a knows; its mean (.5, .5) tells the others nothing: ties, right for label 0 alone.
    assert [scores[f"utilization/{m}"] for m in "abc"] == [0, 0.5, 0.5]
    assert scores["d_util"] == 0.5


def test_a_branch_that_is_never_right_is_undefined(scripted, context):
    scores = values(context(scripted(), [1, 1], a=[ZERO, ZERO], b=[QUIET, QUIET]))
    assert math.isnan(scores["utilization/a"])
    assert math.isnan(scores["d_util"])
    assert np.isfinite(scores["blocked_accuracy/a"])
