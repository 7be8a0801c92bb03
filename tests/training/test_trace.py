"""A ring of steps, read from time to time."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.training.trace import StepTrace


def write(trace, step, modalities=2):
    trace.write(
        tf.cast(step, tf.float32) + 0.5,
        tf.convert_to_tensor(step % 3 - 1),
        tf.range(modalities, dtype=tf.float64) + 10 * tf.cast(step, tf.float64),
        -tf.cast(step, tf.float64),
    )


def test_holds_what_was_written():
    trace = StepTrace(modalities=2, capacity=8)
    for step in range(3):
        write(trace, step)
    steps = trace.read()
    assert steps.first == 0
    np.testing.assert_array_equal(steps.loss, [0.5, 1.5, 2.5])
    np.testing.assert_array_equal(steps.isolated, [-1, 0, 1])
    assert steps.isolated.dtype.kind == "i"
    np.testing.assert_array_equal(steps.speeds, [[0, 1], [10, 11], [20, 21]])
    np.testing.assert_array_equal(steps.imbalance, [0, -1, -2])


def test_a_read_goes_on_where_the_last_one_ended_also_around_the_ring():
    trace = StepTrace(modalities=1, capacity=4)
    seen = []
    for step in range(11):
        write(trace, step, modalities=1)
        if step % 3 == 2:
            steps = trace.read()
            assert steps.first == len(seen)
            seen += steps.loss.tolist()
    assert seen == [step + 0.5 for step in range(9)]
    assert trace.read().loss.tolist() == [9.5, 10.5]
    assert trace.read().loss.tolist() == []
    assert int(trace.steps) == 11


@pytest.mark.parametrize(("written", "first"), [(4, 0), (5, 1), (11, 7)])
def test_steps_beyond_the_capacity_are_lost_and_first_says_so(written, first):
    trace = StepTrace(modalities=1, capacity=4)
    for step in range(written):
        write(trace, step, modalities=1)
    steps = trace.read()
    assert steps.first == first
    assert steps.loss.tolist() == [step + 0.5 for step in range(first, written)]


def test_undefined_values_stay_undefined():
    trace = StepTrace(modalities=2, capacity=2)
    nan = tf.constant(float("nan"), tf.float64)
    trace.write(tf.constant(1.0), tf.constant(-1), tf.stack([nan, nan]), nan)
    steps = trace.read()
    assert np.isnan(steps.speeds).all()
    assert np.isnan(steps.imbalance).all()


def test_writes_inside_a_graph_in_order():
    trace = StepTrace(modalities=1, capacity=8)

    @tf.function
    def twice(step):
        write(trace, step, modalities=1)
        write(trace, step + 1, modalities=1)

    twice(tf.constant(0))
    twice(tf.constant(2))
    assert trace.read().loss.tolist() == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize(("step", "kept"), [(3, []), (7, []), (8, [7.5]), (99, [7.5, 8.5, 9.5])])
def test_the_steps_before_one_are_counted_from_the_first_that_is_held(step, kept):
    trace = StepTrace(modalities=1, capacity=3)
    for written in range(10):
        write(trace, written, modalities=1)
    steps = trace.read().before(step)
    assert steps.first == 7
    assert steps.loss.tolist() == kept
    assert len(steps.speeds) == len(kept)
