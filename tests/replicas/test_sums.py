"""On one device, and on three replicas: four rows, of which they have one, one and two."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.replicas.rows import Annotated
from mmbal.replicas.sums import (
    ALL_ROWS,
    Replicas,
    Rows,
    _marked_whole,
    _worker_index,
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


def test_one_device_runs_eagerly_where_it_is_asked_to():
    assert Replicas().run(tf.executing_eagerly) is True


@pytest.mark.parametrize(
    ("jobs", "kind", "task", "worker"),
    [
        (["worker"], "worker", 0, 0),
        (["worker"], "worker", 2, 2),
        (["chief", "worker"], "chief", 0, 0),
        (["chief", "worker"], "worker", 0, 1),
        (["chief", "worker"], "worker", 2, 3),
    ],
)
def test_a_chief_is_the_first_worker(jobs, kind, task, worker):
    resolver = SimpleNamespace(
        cluster_spec=lambda: SimpleNamespace(jobs=jobs), task_type=kind, task_id=task
    )
    assert _worker_index(SimpleNamespace(cluster_resolver=resolver)) == worker


@pytest.mark.parametrize("marks", [[False, False], [True, True]])
def test_a_host_is_told_beside_the_inputs_whether_it_has_the_whole_batch(marks):
    inputs = Annotated({"a": tf.zeros([2, 1])}, {"whole": tf.constant(marks)})
    for batch in (inputs, (inputs, tf.zeros([2]))):
        assert bool(_marked_whole(batch)) == all(marks)


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


def test_synchronised_normalization_is_that_of_one_device(on_three_replicas):
    found = on_three_replicas["normalized"], on_three_replicas["normalized alone"]
    for several, alone in zip(*found, strict=True):
        np.testing.assert_allclose(several, alone, rtol=1e-5, atol=1e-5)


def test_gradients_are_packed_into_one_sum(on_three_replicas):
    found = on_three_replicas["all reduced"]
    assert found["summed"].count(found["trained"]) == 1
    # What else is summed is a gate's mean, a loss, a count, or rows for the metrics.
    assert all(
        size is None or size <= 4 + 1 for size in found["summed"] if size != found["trained"]
    )


def test_sums_and_means_are_of_the_global_batch(on_three_replicas):
    assert on_three_replicas["step"]["count"] == 3
    assert on_three_replicas["step"]["sum"] == {"a": 36.0, "b": 3}
    assert on_three_replicas["step"]["mean"] == [4.0, 5.0]


def test_rows_come_together_in_their_order_and_type(on_three_replicas):
    rows, scalar, first_column = on_three_replicas["step"]["rows"]
    assert rows == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert scalar == 5.0
    assert first_column == [1, 3, 5, 7]


def test_a_batch_of_fewer_rows_than_replicas_is_everybodys(on_three_replicas):
    assert on_three_replicas["step"]["whole"] == [False, True]
    here, everywhere = on_three_replicas["step"]["few"]
    assert here == everywhere == [[1, 2], [3, 4]]


def test_a_host_shares_out_its_own_rows_or_gives_all_of_them_to_everybody(on_three_replicas):
    divided, given = on_three_replicas["step"]["of host"]
    assert divided == {"whole": False, "rows": [[1, 2], [3, 4], [5, 6], [7, 8]]}
    assert given == {"whole": True, "rows": [[1, 2], [3, 4], [5, 6], [7, 8]]}


def test_draws_for_a_batch_do_not_depend_on_the_replicas(on_three_replicas):
    shared = on_three_replicas["step"]["own"][0]
    assert (shared["first"], shared["total"]) == (0, 4)
    assert shared["drawn"] == on_three_replicas["alone"][0]


def test_rows_of_replicas_follow_one_another_however_uneven(on_three_replicas):
    of_four, of_two = on_three_replicas["firsts"]
    assert of_four == [0, 1, 2]  # of one, one and two rows
    assert of_two == [0, 0, 0]


def test_copies_of_a_small_batch_draw_the_same(on_three_replicas):
    copied = on_three_replicas["step"]["own"][1]
    assert (copied["first"], copied["total"]) == (0, 2)
    assert copied["drawn"] == on_three_replicas["alone"][1]


def test_one_process_is_the_only_host_and_the_chief(on_three_replicas):
    assert on_three_replicas["hosts"] == [1, 0, True, True]
