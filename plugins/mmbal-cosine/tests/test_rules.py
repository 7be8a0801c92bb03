"""The rules of cosines, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal_cosine.rules import JointCosine, ModalityCosine, unit

FEATURES = {"a": tf.constant([[3.0, 4.0]]), "v": tf.constant([[0.0, 5.0]])}
KERNELS = {"a": tf.constant([[1.0, 0], [0, 2]]), "v": tf.constant([[1.0, 1], [1, -1]])}
BIAS = tf.constant([0.5, -1.0])
RULES = [ModalityCosine(10), JointCosine(10)]


def test_cosine_of_each_modality():
    # cos: a (3/5, 4/5), v (1, -1) / sqrt 2.
    parts = ModalityCosine(10).contributions(FEATURES, KERNELS, BIAS)
    np.testing.assert_allclose(parts["a"], [[6, 8]], rtol=1e-6)
    np.testing.assert_allclose(parts["v"], [[7.071068, -7.071068]], rtol=1e-6)


def test_cosine_of_all_together():
    # z = (3, 4, 0, 5), |z| = sqrt 50; columns (1, 0, 1, 1) and (0, 2, 1, -1), sqrt 3 and sqrt 6.
    parts = JointCosine(10).contributions(FEATURES, KERNELS, BIAS)
    a, v = np.array([3.0, 8.0]), np.array([5.0, -5.0])
    lengths = np.sqrt(50) * np.sqrt([3, 6])
    np.testing.assert_allclose(parts["a"], [10 * a / lengths], rtol=1e-6)
    np.testing.assert_allclose(parts["v"], [10 * v / lengths], rtol=1e-6)


def test_there_is_no_bias():
    assert [rule.biased for rule in RULES] == [False, False]
    for rule in RULES:
        with tf.GradientTape() as tape:
            tape.watch(BIAS)
            total = tf.add_n(list(rule.contributions(FEATURES, KERNELS, BIAS).values()))
        assert tape.gradient(total, BIAS) is None


@pytest.mark.parametrize(("rule", "bound"), [(RULES[0], 20), (RULES[1], 10)])
def test_lengths_do_not_count(rule, bound):
    def logits(scale):
        features = {m: scale * z for m, z in FEATURES.items()}
        return tf.add_n(list(rule.contributions(features, KERNELS, BIAS).values()))

    assert np.abs(logits(1)).max() <= bound
    np.testing.assert_allclose(logits(7), logits(1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_a_modality_of_zeros_adds_nothing_and_has_finite_gradients(rule):
    features = {**FEATURES, "v": tf.zeros([1, 2])}
    with tf.GradientTape() as tape:
        tape.watch([features, KERNELS])
        parts = rule.contributions(features, KERNELS, BIAS)
        total = tf.reduce_sum(tf.add_n(list(parts.values())))
    assert parts["v"].numpy().tolist() == [[0, 0]]
    for gradient in tf.nest.flatten(tape.gradient(total, [features, KERNELS])):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("value", [0.0, 1e-8])
def test_the_direction_of_next_to_nothing_is_nothing(value):
    vector = tf.fill([1, 3], value)
    with tf.GradientTape() as tape:
        tape.watch(vector)
        direction = unit(vector, axis=1)
    assert direction.numpy().tolist() == [[0, 0, 0]]
    assert tape.gradient(direction, vector).numpy().tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("axis", [0, 1])
def test_directions_have_length_one(axis):
    vectors = tf.constant([[3.0, -1.0, 0.002], [4.0, 7.0, 0.001]])
    np.testing.assert_allclose(np.linalg.norm(unit(vectors, axis), axis=axis), 1, rtol=1e-6)
