"""Conditional learning speeds against numbers worked by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.groups import VariableGroups
from mmbal.training.learning_speed import LearningSpeed, imbalance

NAN = float("nan")


def variables(**values):
    return {name: keras.Variable(value, name=name) for name, value in values.items()}


def update(speed, gradients, variables, counts):
    return speed.accumulate(speed.measure(gradients, variables), counts)


def gradients(*values):
    return [None if value is None else tf.constant(value, tf.float32) for value in values]


@pytest.fixture
def pair():
    """Two branches, one gate each and a squeeze that feeds both.

    ||w||^2: branch a 25, branch b 4, gate a 1, gate b 16, squeeze 9.
    """
    v = variables(wa=[3.0, 4.0], wb=[[2.0, 0.0]], ga=[1.0], gb=[4.0], sq=[0.0, 3.0])
    groups = VariableGroups(
        branch={"a": [v["wa"]], "b": [v["wb"]]},
        fusion={"a": [v["sq"], v["ga"]], "b": [v["sq"], v["gb"]]},
    )
    return LearningSpeed(("a", "b"), groups), list(v.values())


STEP = ([1.0, 2.0], [[1.0, 1.0]], [3.0], [2.0], [1.0, 0.0])
"""Squared gradients: branch a 5, branch b 2, gate a 9, gate b 4, squeeze 1."""


def test_one_step_by_hand(pair):
    speed, members = pair
    got = update(speed, gradients(*STEP), members, True)
    # Sums over a whole group first, then one ratio; the squeeze counts for each branch:
    # branch: 5/25, 2/4; fusion: (9+1)/(1+9), (4+1)/(16+9).
    np.testing.assert_allclose(speed.branch_updates, [0.2, 0.5], rtol=1e-12)
    np.testing.assert_allclose(speed.fusion_updates, [1.0, 0.2], rtol=1e-12)
    np.testing.assert_allclose(got, [math.log(1 / 0.2), math.log(0.2 / 0.5)], rtol=1e-12)
    assert got.dtype == tf.float64


def test_updates_add_up_before_the_ratio(pair):
    speed, members = pair
    update(speed, gradients(*STEP), members, True)
    # Twice the gradients, four times the updates; the weights of branch a grow to 100.
    members[0].assign([6.0, 8.0])
    doubled = [2 * g for g in gradients(*STEP)]
    got = update(speed, doubled, members, True)
    np.testing.assert_allclose(speed.branch_updates, [0.2 + 20 / 100, 0.5 + 2.0], rtol=1e-12)
    np.testing.assert_allclose(speed.fusion_updates, [1.0 + 4.0, 0.2 + 0.8], rtol=1e-12)
    np.testing.assert_allclose(got, [math.log(5 / 0.4), math.log(1 / 2.5)], rtol=1e-12)


@pytest.mark.parametrize("make", [bool, tf.constant])
def test_steps_that_do_not_count_move_nothing(pair, make):
    speed, members = pair
    before = update(speed, gradients(*STEP), members, make(True))
    zero = [0 * g for g in gradients(*STEP)]
    np.testing.assert_array_equal(update(speed, zero, members, make(False)), before)
    other = [g + 7 for g in gradients(*STEP)]
    np.testing.assert_array_equal(update(speed, other, members, make(False)), before)
    np.testing.assert_allclose(speed.branch_updates, [0.2, 0.5], rtol=1e-12)
    assert update(speed, other, members, make(True))[0] != before[0]


def test_a_missing_gradient_adds_nothing_but_its_weights_count(pair):
    speed, members = pair
    wa, wb, _, gb, sq = STEP
    update(speed, gradients(wa, wb, None, gb, sq), members, True)
    np.testing.assert_allclose(speed.fusion_updates, [1 / 10, 5 / 25], rtol=1e-12)


def test_the_order_of_the_variables_does_not_matter(pair):
    speed, members = pair
    update(speed, gradients(*STEP)[::-1], members[::-1], True)
    np.testing.assert_allclose(speed.fusion_updates, [1.0, 0.2], rtol=1e-12)


def test_undefined_until_both_have_moved(pair):
    speed, members = pair
    assert np.isnan(speed.speeds()).all()
    wa, wb, *_ = STEP
    # Fusion of a moves, its branch does not: not +inf. Branch b moves, its fusion not: not -inf.
    got = update(speed, gradients([0, 0], wb, [1.0], [0.0], [0.0, 0.0]), members, True)
    assert np.isnan(got).all()
    got = update(speed, gradients(wa, wb, [1.0], [0.0], [0.0, 0.0]), members, True)
    assert np.isnan(got).tolist() == [False, True]


def test_groups_whose_weights_are_zero_add_nothing(pair):
    speed, members = pair
    members[0].assign([0.0, 0.0])
    update(speed, gradients(*STEP), members, True)
    np.testing.assert_allclose(speed.branch_updates, [0.0, 0.5], rtol=1e-12)


def test_half_precision_adds_up_in_float32_or_wider():
    # 4096 squares of 1 add up to 4096; bfloat16 stands still at 256.
    wide, narrow = keras.Variable(np.ones(4096)), keras.Variable(np.ones(4096), dtype="bfloat16")
    speed = LearningSpeed(("a",), VariableGroups({"a": [wide]}, {"a": [narrow]}))
    gradient = tf.fill([4096], tf.constant(0.5, tf.bfloat16))
    got = update(speed, [gradient, 2 * gradient], [wide, narrow], True)
    np.testing.assert_allclose(speed.branch_updates, [0.25], rtol=1e-6)
    np.testing.assert_allclose(speed.fusion_updates, [1.0], rtol=1e-6)
    np.testing.assert_allclose(got, [math.log(4)], rtol=1e-6)


def test_sparse_gradients_count_rows_that_meet_twice_together():
    table = keras.Variable(np.ones((3, 1)))
    speed = LearningSpeed(("a",), VariableGroups({"a": [table]}, {}))
    twice = tf.IndexedSlices(tf.ones([2, 1]), tf.constant([1, 1]), tf.constant([3, 1]))
    update(speed, [twice], [table], True)
    np.testing.assert_allclose(speed.branch_updates, [4 / 3], rtol=1e-12)


def test_works_inside_a_graph(pair):
    speed, members = pair
    step = tf.function(lambda counts: update(speed, gradients(*STEP), members, counts))
    got = [step(tf.constant(counts)).numpy() for counts in (True, False, True)]
    np.testing.assert_allclose(got[0], [math.log(5), math.log(0.4)], rtol=1e-12)
    np.testing.assert_array_equal(got[0], got[1])
    np.testing.assert_allclose(speed.branch_updates, [0.4, 1.0], rtol=1e-12)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_any_number_of_modalities(count):
    names = "abcd"[:count]
    v = variables(**{f"w{m}": [2.0] for m in names}, **{f"g{m}": [1.0] for m in names}, s=[1.0])
    groups = VariableGroups(
        {m: [v[f"w{m}"]] for m in names}, {m: [v["s"], v[f"g{m}"]] for m in names}
    )
    speed = LearningSpeed(tuple(names), groups)
    # Branch k: 4/4. Fusion k: (k^2 + 1) / 2.
    step = [[2.0]] * count + [[float(k)] for k in range(count)] + [[1.0]]
    got = update(speed, gradients(*step), list(v.values()), True)
    np.testing.assert_allclose(got, [math.log((k * k + 1) / 2) for k in range(count)], atol=1e-12)


def test_a_modality_without_fusion_is_undefined():
    v = variables(wa=[1.0], wb=[1.0], gb=[1.0])
    groups = VariableGroups({"a": [v["wa"]], "b": [v["wb"]]}, {"b": [v["gb"]]})
    speed = LearningSpeed(("a", "b"), groups)
    got = update(speed, gradients([1.0], [1.0], [1.0]), list(v.values()), True)
    assert np.isnan(got).tolist() == [True, False]


def test_shared_variables_count_for_nobody():
    v = variables(wa=[1.0], ga=[1.0], head=[1.0])
    speed = LearningSpeed(("a",), VariableGroups({"a": [v["wa"]]}, {"a": [v["ga"]]}, [v["head"]]))
    got = update(speed, gradients([1.0], [1.0], [9.0]), list(v.values()), True)
    np.testing.assert_allclose(got, [0.0], atol=1e-12)


def test_variables_that_are_not_trained_are_left_out(pair):
    speed, members = pair
    wa, wb, _, gb, sq = STEP
    # A frozen gate a: the fusion of a is the squeeze alone, 1/9.
    keep = [members[i] for i in (0, 1, 3, 4)]
    update(speed, gradients(wa, wb, gb, sq), keep, True)
    np.testing.assert_allclose(speed.fusion_updates, [1 / 9, 0.2], rtol=1e-12)


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        ([1.5, 1.0], 0.5),
        ([1.0, 1.5], -0.5),
        ([0.7], 0.0),
        ([1.0, 3.0, -2.0], 5.0),
        ([1.0, 3.0, -2.0, 2.0], 5.0),
        ([NAN, 1.0], NAN),
        ([NAN, 1.0, 2.0], NAN),
        ([1.0, NAN, 2.0], NAN),
        ([1.0, 2.0, NAN], NAN),
        ([NAN], NAN),
    ],
)
def test_imbalance(speeds, expected):
    np.testing.assert_allclose(imbalance(tf.constant(speeds, tf.float64)), expected, rtol=1e-12)


def test_what_adds_up_is_nothing_that_trains(pair):
    speed, _ = pair
    assert [v.name for v in speed.variables] == ["branch_updates:0", "fusion_updates:0"]
    assert speed.trainable_variables == ()
