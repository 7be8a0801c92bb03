"""The loss of a branch from whatever `compile` was given, and whether logits are right."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.training.losses import branch_loss, hits

LOGITS = tf.constant([[0.0, 0.0], [np.log(3.0).item(), 0.0]])
# -ln of the probability of the right class: ln 2 for the first, ln 4 for the second.
EACH = np.log([2.0, 4.0])
ONE_HOT = tf.constant([[1.0, 0.0], [0.0, 1.0]])


def squares(labels, logits):
    return tf.reduce_sum((logits - tf.cast(labels, logits.dtype)) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (None, [0, 1]),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), [0, 1]),
        (keras.losses.CategoricalCrossentropy(from_logits=True), ONE_HOT),
        (functools.partial(keras.losses.categorical_crossentropy, from_logits=True), ONE_HOT),
    ],
)
def test_is_the_weighted_mean_over_examples(loss, labels):
    made, labels = branch_loss(loss), tf.constant(labels)
    np.testing.assert_allclose(made(labels, LOGITS), EACH.mean(), rtol=1e-6)
    weighted = made(labels, LOGITS, sample_weight=tf.constant([3.0, 1.0]))
    # Keras divides by the number of examples, not by the sum of the weights.
    np.testing.assert_allclose(weighted, (3 * EACH[0] + EACH[1]) / 2, rtol=1e-6)


def test_takes_functions_and_names():
    labels = tf.constant([[1.0, 0.0], [1.0, 1.0]])
    logits = tf.constant([[0.0, 0.0], [1.0, 4.0]])
    np.testing.assert_allclose(branch_loss(squares)(labels, logits), (1 + 9) / 2, rtol=1e-6)
    expected = (0.5 + 4.5) / 2
    np.testing.assert_allclose(
        branch_loss("mean_squared_error")(labels, logits), expected, rtol=1e-6
    )


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.SparseCategoricalCrossentropy(),
        "categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
    ],
)
def test_a_loss_of_probabilities_is_refused(loss):
    with pytest.raises(ValueError, match="from_logits=True") as caught:
        branch_loss(loss)
    assert "categorical_crossentropy" in str(caught.value)


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], [[0], [1], [1]], [[1, 0], [0, 1], [0, 1]]], ids=["flat", "column", "hot"]
)
def test_hits(labels):
    logits = tf.constant([[2.0, 1.0], [2.0, 1.0], [-2.0, 1.0]])
    assert hits(tf.constant(labels), logits).numpy().tolist() == [1, 0, 1]


def test_rows_of_several_labels_are_neither_right_nor_wrong():
    logits = tf.constant([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]])
    found = hits(tf.constant([[1.0, 1.0], [0.2, 0.8], [0.0, 0.0]]), logits).numpy()
    np.testing.assert_array_equal(found, [np.nan, 1, np.nan])


def test_one_logit_is_no_choice():
    with pytest.raises(ValueError, match="largest of several logits, received one"):
        hits(tf.constant([0, 1]), tf.constant([[1.0], [2.0]]))


def test_a_lambda_is_a_loss():
    made = branch_loss(lambda labels, logits: 2 * squares(labels, logits))
    np.testing.assert_allclose(made(ONE_HOT, tf.zeros([2, 2])), 2.0)


def test_a_sum_over_examples_is_a_loss_of_one_replica_only():
    """Each of several would take the sum over its own rows."""
    summed = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    np.testing.assert_allclose(branch_loss(summed)(tf.constant([0, 1]), LOGITS), EACH.sum(), 1e-6)
    with pytest.raises(ValueError, match="mean over examples on 2 replicas.*received 'sum'"):
        branch_loss(summed, replicas=2)


def test_the_mean_of_a_replica_is_over_its_own_rows():
    """Within a scope Keras's own would divide it by the number of replicas."""
    made = branch_loss(None, replicas=2)
    np.testing.assert_allclose(made(tf.constant([0, 1]), LOGITS), EACH.mean(), rtol=1e-6)
