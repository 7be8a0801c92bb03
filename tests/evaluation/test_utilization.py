"""Conditional utilization rates by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from mmbal.evaluation.context import EvaluationContext
from mmbal.evaluation.probe import Probe
from mmbal.evaluation.utilization import Utilization, utilization_gap

NAN = float("nan")


@pytest.mark.parametrize(
    ("full", "blocked", "rate"),
    [
        (0.8, 0.6, 0.25),
        (0.5, 0.5, 0.0),
        (0.5, 0.0, 1.0),
        (0.25, 0.75, -2.0),  # not bounded by -1
        (0.0, 0.5, NAN),
        (0.0, 0.0, NAN),
    ],
)
def test_rate(full, blocked, rate):
    context = SimpleNamespace(
        full=SimpleNamespace(conditional={"a": full}),
        blocked=SimpleNamespace(conditional={"a": blocked}),
    )
    assert dict(Utilization()(context))["utilization/a"] == pytest.approx(rate, nan_ok=True)


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


def context(scripted, batches, labels, **inputs):
    data = batches(labels, **inputs)
    return EvaluationContext(Probe(scripted("".join(inputs))), data, data)


ZERO, ONE, QUIET = [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]


def test_two_modalities_by_hand(scripted, batches):
    # Labels 0 1 0 1. a is right alone on the first two and silent on the others; b always knows.
    a, b = [ZERO, ONE, QUIET, QUIET], [ZERO, ONE, ZERO, ONE]
    scores = dict(Utilization()(context(scripted, batches, [0, 1, 0, 1], a=a, b=b)))
    # Full: both see a + b, all right. Means: a (.25, .25), b (.5, .5): constants shift both
    # classes alike. Blocked a: rows 3 and 4 are ties, argmax 0: right, wrong -> 3/4.
    assert scores == pytest.approx(
        {
            "accuracy_blocked/a": 0.75,
            "accuracy_blocked/b": 1.0,
            "utilization/a": 0.25,
            "utilization/b": 0.0,
            "d_util": 0.25,
        }
    )
    assert list(scores)[-1] == "d_util"


def test_a_joint_prediction_is_compared_with_itself_relying_on_one_modality(joint, batches):
    # Rows 1 and 2 are decided by a, whose mean is (.5, .5), the others by b: (0, 1).
    a, b = [[2.0, 0], [0, 2.0], QUIET, QUIET], [QUIET, QUIET, [0, 2.0], [0, 2.0]]
    data = batches([0, 1, 1, 1], a=a, b=b)
    scores = dict(Utilization()(EvaluationContext(Probe(joint), data, data)))
    # Together always right. a and (0, 1): too. b and (.5, .5): rows 1 and 2 are ties, that say 0.
    assert scores == pytest.approx(
        {
            "accuracy_blocked/a": 1,
            "accuracy_blocked/b": 0.75,
            "utilization/a": 0,
            "utilization/b": 0.25,
            "d_util": -0.25,
        }
    )


def test_one_modality_has_nothing_to_use(scripted, batches):
    scores = dict(Utilization()(context(scripted, batches, [0, 1], a=[ZERO, ZERO])))
    assert scores == {"accuracy_blocked/a": 0.5, "utilization/a": 0.0, "d_util": 0.0}


def test_three_modalities(scripted, batches):
    inputs = {"a": [ZERO, ONE], "b": [QUIET, QUIET], "c": [QUIET, QUIET]}
    scores = dict(Utilization()(context(scripted, batches, [0, 1], **inputs)))
    # Only a knows; its mean (.5, .5) tells the others nothing: ties, right for label 0 alone.
    assert [scores[f"utilization/{m}"] for m in "abc"] == [0, 0.5, 0.5]
    assert scores["d_util"] == 0.5


def test_a_branch_that_is_never_right_is_undefined(scripted, batches):
    scores = dict(
        Utilization()(context(scripted, batches, [1, 1], a=[ZERO, ZERO], b=[QUIET, QUIET]))
    )
    assert math.isnan(scores["utilization/a"])
    assert math.isnan(scores["d_util"])
    assert np.isfinite(scores["accuracy_blocked/a"])
