"""The joint loss and the accuracies of branches, over batches of several sizes."""

import keras
import numpy as np
import tensorflow as tf

from mmbal.training.metrics import OwnMetrics

RIGHT, WRONG = [1.0, 0.0], [0.0, 1.0]  # logits of an example of class 0


def results(metrics):
    return [float(metric.result()) for metric in (metrics.loss, *metrics.accuracy)]


def show(metrics, loss, a, b, counts=True):
    labels = tf.zeros([len(a)], tf.int64)
    metrics.update(tf.constant(loss), labels, [tf.constant(a), tf.constant(b)], counts)


def test_means_are_over_examples_not_over_batches():
    metrics = OwnMetrics("ab", [])
    show(metrics, 1.0, [RIGHT, RIGHT, WRONG], [WRONG, WRONG, WRONG])
    show(metrics, 5.0, [WRONG], [RIGHT])
    assert results(metrics) == [(3 * 1 + 5) / 4, 2 / 4, 1 / 4]


def test_the_loss_of_a_skipped_step_does_not_count_its_accuracies_do():
    metrics = OwnMetrics("ab", [])
    show(metrics, 1.0, [RIGHT], [WRONG])
    show(metrics, np.inf, [RIGHT], [RIGHT], counts=tf.constant(False))
    assert results(metrics) == [1, 1, 1 / 2]


def test_they_are_listed_in_the_order_of_the_logs_without_those_that_keras_makes_later():
    given = keras.metrics.SparseTopKCategoricalAccuracy(name="top")
    metrics = OwnMetrics(["branch_accuracy/a", "branch_accuracy/b"], ["mse", given])
    names = [metric.name for metric in metrics.existing]
    assert names == ["loss", "top", "branch_accuracy/a", "branch_accuracy/b"]
    assert metrics.existing[1] is given
