"""Gradients on one device, and their sums over three."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.strategies.tape import GlobalTape

SCALES = [None, 256.0]


@pytest.mark.parametrize("scale", SCALES)
def test_gradients_are_unscaled_and_dense(scale):
    weight, table, idle = tf.Variable(2.0), tf.Variable([[1.0], [2.0]]), tf.Variable(0.0)
    with tf.GradientTape() as tape:
        loss = 3 * weight + tf.reduce_sum(tf.gather(table, [0, 0, 1]))
    factor = None if scale is None else tf.constant(scale)
    gradients = GlobalTape(tape, factor).gradient(loss, [weight, table, idle])
    assert gradients[0] == 3
    assert tf.is_tensor(gradients[1])
    np.testing.assert_array_equal(gradients[1], [[2], [1]])  # the first row was looked up twice
    assert gradients[2] is None


def test_gradients_of_half_precision_pass_through_the_scale():
    """Without it they would be zero: float16 holds nothing below 6e-8."""
    weight = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.cast(tf.cast(weight, tf.float16) * tf.constant(2.0**-12, tf.float16), tf.float32)
        loss *= 2.0**-14
    assert GlobalTape(tape, None).gradient(loss, weight) == 0
    assert GlobalTape(tape, tf.constant(2.0**15)).gradient(loss, weight) == 2.0**-26


@pytest.mark.parametrize("scale", SCALES)
def test_several_losses_are_summed_and_structures_kept(scale):
    one, other = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        losses = [one * other, one * 5]
    factor = None if scale is None else tf.constant(scale)
    gradients = GlobalTape(tape, factor).gradient(losses, {"one": one, "rest": (other,)})
    assert gradients == {"one": 7, "rest": (1,)}


def test_options_reach_the_tape():
    weight, idle = tf.Variable(2.0), tf.Variable([1.0, 1.0])
    with tf.GradientTape() as tape:
        loss = weight**2
    zero = tf.UnconnectedGradients.ZERO
    gradients = GlobalTape(tape, None).gradient(loss, [weight, idle], unconnected_gradients=zero)
    assert gradients[0] == 4
    np.testing.assert_array_equal(gradients[1], [0, 0])


def test_losses_and_gradients_are_of_the_global_mean_unscaled(on_three_replicas):
    # mean of the first column 4, times the weight 2, plus 1 + 1 + 2 of the table
    assert on_three_replicas["training"]["loss"] == 12.0
    of_weight, of_table = on_three_replicas["training"]["gradients"]
    assert of_weight == 4.0
    assert of_table == [[2.0], [1.0]]  # dense: the first row was looked up twice
