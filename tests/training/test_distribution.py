"""On one device; tests/distribution has several."""

import keras
import numpy as np
import tensorflow as tf

from mmbal.training.distribution import (
    ALL_ROWS,
    Replicas,
    Rows,
    global_losses,
    global_mean,
    global_rows,
    global_sum,
    own_rows,
    replica_count,
    synchronise_batch_norm,
)


def test_one_device_asks_nobody():
    replicas = Replicas()
    assert (replicas.count, replicas.workers, replicas.worker) == (1, 1, 0)
    assert replicas.is_chief
    assert replicas.agree(7)
    assert replicas.any(True)
    assert not replicas.any(False)
    assert replica_count() == 1


def test_one_device_has_all_rows():
    batch = {"x": tf.constant([[1.0], [2.0]]), "none": None}
    rows, whole = Replicas().share(batch)
    assert rows is batch
    assert whole


def test_functions_run_as_they_are():
    replicas = Replicas()
    np.testing.assert_array_equal(replicas.run(tf.add, 1, 2), 3)
    np.testing.assert_array_equal(replicas.compiled(tf.add)(tf.constant(1), tf.constant(2)), 3)


def test_global_is_local():
    x, loss = tf.constant([[1.0, 2.0], [5.0, 4.0]]), {"loss": tf.constant(3.0)}
    assert global_sum(x) is x
    np.testing.assert_array_equal(global_mean(x), [3, 3])
    assert global_rows([x, None], tf.constant(True)) == [x, None]
    assert global_losses(loss, tf.constant(2)) is loss


def test_one_device_draws_for_its_rows_and_no_others():
    rows = own_rows(tf.constant(3), tf.constant(True))
    assert rows is ALL_ROWS
    asked = []

    def drawn(count):
        asked.append(count)
        return tf.range(count) * 10

    assert rows.own(drawn, tf.constant(3)).numpy().tolist() == [0, 10, 20]
    assert [(int(count), count.dtype) for count in asked] == [(3, tf.int64)]


def test_a_replica_draws_for_all_rows_and_keeps_its_own():
    rows = Rows(tf.constant(2, tf.int64), tf.constant(7, tf.int64))
    drawn = rows.own(lambda count: tf.reshape(tf.range(2 * count), [count, 2]), tf.constant(3))
    assert drawn.numpy().tolist() == [[4, 5], [6, 7], [8, 9]]


def test_batch_norm_is_synchronised_however_deep():
    inner = keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    outer = keras.Sequential([keras.Sequential([inner]), keras.layers.BatchNormalization()])
    synchronise_batch_norm(outer)
    assert inner.layers[0].synchronized
    assert outer.layers[-1].synchronized
