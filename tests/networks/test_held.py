"""Running means of gates, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.held import HeldMean


def gates(*rows):
    """Return one (batch, 1) gate per branch."""
    return [tf.constant([[value] for value in row]) for row in rows]


def values(tensors):
    return [tf.cast(x, tf.float32).numpy().ravel().tolist() for x in tensors]


class TestMean:
    def test_is_cumulative_and_includes_the_present_batch(self):
        held = HeldMean()
        for gate, mean in ((0.5, 0.5), (1.0, 0.75), (0.0, 0.5)):
            held(gates([gate]), training=True)
            np.testing.assert_allclose(held.means[0].numpy(), [mean], rtol=1e-6)
        assert int(held.batches) == 3

    def test_weighs_batches_alike(self):
        held = HeldMean()
        held(gates([0.0, 1.0, 1.0, 1.0]), training=True)
        held(gates([0.25]), training=True)
        np.testing.assert_allclose(held.means[0].numpy(), [(0.75 + 0.25) / 2], rtol=1e-6)

    def test_is_over_space_and_time(self):
        held = HeldMean()
        tokens = tf.constant([[[1.0, 10.0], [3.0, 30.0]], [[5.0, 50.0], [7.0, 70.0]]])
        held([tokens], training=True)
        np.testing.assert_allclose(held.means[0].numpy(), [4, 40])

    def test_stands_still_outside_of_training(self):
        held = HeldMean()
        held(gates([0.5]), training=True)
        held(gates([0.9]))
        held(gates([0.9]), isolate=tf.constant([True]))
        assert held.means[0].numpy().tolist() == [0.5]
        assert int(held.batches) == 1

    def test_keeps_the_precision_of_variables(self, precision):
        """In 16 bits a mean over 300 batches would hang: 256 + 1 is 256 there."""
        precision("mixed_bfloat16")
        held = HeldMean()
        for n in range(300):
            held([tf.fill([2, 1], tf.cast(n % 2, tf.bfloat16))], training=True)
        assert held.means[0].dtype == "float32"
        np.testing.assert_allclose(held.means[0].numpy(), [0.5], rtol=1e-5)


class TestIsolation:
    def test_puts_the_mean_in_the_gates_place(self):
        held = HeldMean()
        held(gates([0.5], [0.5]), training=True)
        told = held(gates([1.0, 0.0], [1.0, 0.0]), isolate=tf.constant([True, False]))
        assert values(told) == [[0.5, 0.5], [1, 0]]

    def test_in_training_the_mean_has_moved_before(self):
        held = HeldMean()
        held(gates([0.5]), training=True)
        told = held(gates([1.0]), isolate=tf.constant([True]), training=True)
        assert values(told) == [[0.75]]

    def test_keeps_the_shape_and_type_of_a_gate(self, precision):
        precision("mixed_bfloat16")
        held = HeldMean()
        gate = tf.ones([2, 3, 4], tf.bfloat16)
        (told,) = held([gate], isolate=tf.constant([True]), training=True)
        assert told.dtype == tf.bfloat16
        assert told.shape == gate.shape

    @pytest.mark.parametrize("training", [False, True])
    def test_no_gradient_passes(self, training):
        held, (first, second) = HeldMean(), gates([1.0], [1.0])
        with tf.GradientTape() as tape:
            tape.watch([first, second])
            told = held([first, second], isolate=tf.constant([True, False]), training=training)
            total = tf.add_n([tf.reduce_sum(each) for each in told])
        found = tape.gradient(total, [first, second], unconnected_gradients="zero")
        assert values(found) == [[0], [1]]


def test_on_replicas_it_is_of_the_global_batch(on_three_replicas):
    """Rows of 1, 3, and 5 and 7: the mean of the replicas' own means would be another."""
    assert on_three_replicas["held"] == [[4, 5]] * 3
