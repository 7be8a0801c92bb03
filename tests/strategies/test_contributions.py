"""Scores worked by hand for two examples of three classes."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.strategies.contributions import (
    class_indices,
    coalitions,
    pooled,
    ratios_to_others,
    scale_gradient,
    shapley_values,
    true_class_probabilities,
    true_class_scores,
    weighted,
)

LABELS = tf.constant([0, 1])
LOGITS = {
    "a": tf.constant([[2.0, 0, 0], [0, 1, 0]]),
    "v": tf.constant([[0.5, 0, 0], [0, 0.2, 0.1]]),
    "t": tf.constant([[0, 0.4, 0], [0.3, 0, 0]]),
}
SUMS = [1.363103, 0.819028, 0.584903]


def test_probabilities_of_the_own_class():
    found = true_class_probabilities(LOGITS["a"], LABELS)
    np.testing.assert_allclose(found, [0.786986, 0.576117], atol=1e-6)
    np.testing.assert_array_equal(true_class_probabilities(LOGITS["a"], LABELS[:, None]), found)


def test_scores_and_their_ratios_for_two_modalities_and_three():
    scores = true_class_scores(LOGITS, LABELS)
    np.testing.assert_allclose(scores, SUMS, atol=1e-6)
    np.testing.assert_allclose(ratios_to_others(scores), [1.941837, 0.840889, 0.536084], atol=1e-5)
    two = ratios_to_others(scores[:2])
    np.testing.assert_allclose(two, [1.664293, 1 / 1.664293], atol=1e-5)


def test_one_hot_labels_are_read_by_their_argmax():
    hot = tf.one_hot(LABELS, 3)
    np.testing.assert_array_equal(class_indices(hot, 3), LABELS)
    np.testing.assert_array_equal(class_indices(LABELS[:, None], 3), LABELS)
    np.testing.assert_array_equal(true_class_scores(LOGITS, hot), true_class_scores(LOGITS, LABELS))


def test_examples_count_by_their_weights():
    sure = true_class_probabilities(LOGITS["a"], LABELS)
    weight = tf.constant([2.0, 0.5])
    np.testing.assert_allclose(weighted(sure, weight), [2 * sure[0], sure[1] / 2])
    np.testing.assert_array_equal(weighted(sure, None), sure)
    expected = [2 * sure[0] + sure[1] / 2]
    np.testing.assert_allclose(true_class_scores({"a": LOGITS["a"]}, LABELS, weight), expected)


def test_a_single_modality_has_nobody_to_be_compared_with():
    assert ratios_to_others(tf.constant([3.0])).numpy().tolist() == [1]


def test_no_score_at_all_divides_by_something():
    far_ahead, behind = ratios_to_others(tf.constant([1.0, 0.0])).numpy()
    assert 1e6 < far_ahead < np.inf
    assert behind == 0


def test_scores_have_no_gradient_and_single_precision():
    logits = tf.Variable(LOGITS["a"])
    with tf.GradientTape() as tape:
        score = true_class_scores({"a": logits}, LABELS)
    assert tape.gradient(score, logits) is None
    half = {"a": tf.cast(LOGITS["a"], tf.bfloat16)}
    assert true_class_scores(half, LABELS).dtype == tf.float32


def test_scaling_leaves_the_value_and_scales_the_gradient():
    x = tf.Variable([1.0, -2.0])
    with tf.GradientTape() as tape:
        scaled = scale_gradient(x, tf.constant(0.25))
        total = tf.reduce_sum(scaled**2)
    np.testing.assert_array_equal(scaled, x)
    np.testing.assert_allclose(tape.gradient(total, x), [0.5, -1.0])


def test_the_factor_of_a_scaled_gradient_is_a_constant():
    factor = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        value = scale_gradient(tf.constant(3.0), factor)
    assert tape.gradient(value, factor) is None


def test_shapley_values_of_three_players():
    worth = dict(zip(coalitions(3), [1.0, 2.0, 0.0, 4.0, 2.0, 3.0, 6.0], strict=True))
    np.testing.assert_allclose(shapley_values(worth, 3), [2, 3, 1])


def test_shapley_values_of_two_and_of_one():
    assert shapley_values({(0,): 1.0, (1,): 2.0, (0, 1): 5.0}, 2) == [2.0, 3.0]
    assert shapley_values({(0,): 7.0}, 1) == [7.0]


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 2, 5, 3), (2, 2, 2, 2, 3)])
def test_pooling_averages_over_space(shape):
    feature = np.random.default_rng(0).normal(size=shape).astype("float32")
    expected = feature.reshape(2, -1, 3).mean(axis=1)
    np.testing.assert_allclose(pooled(tf.constant(feature)), expected, rtol=1e-5)
