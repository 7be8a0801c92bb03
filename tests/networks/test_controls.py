"""Who hears what, by hand; and that Keras leaves it alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ContractError
from mmbal.networks.controls import NORMAL, Controls, blocked, participants
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import FusionNetwork, Outputs

A = tf.constant([[1.0, 2.0], [3.0, 4.0]])
B = tf.constant([[5.0], [6.0]])
MEANS = {"here": (tf.constant([7.0, 8.0]), tf.constant([9.0]))}


def heard(controls, module="here"):
    return [[z.numpy().tolist() for z in row] for row in controls.heard(module, (A, B))]


class TestHeard:
    def test_everything_by_all_branches_if_nothing_is_said(self):
        (row,) = NORMAL.heard("here", (A, B))
        assert row[0] is A
        assert row[1] is B

    @pytest.mark.parametrize("dtype", ["float32", "bool", "int64"])
    def test_zeros_in_place_of_the_absent(self, dtype):
        keep = tf.cast([[1, 0], [0, 1]], dtype)
        assert heard(Controls(keep=keep)) == [[[[1, 2], [0, 0]], [[0], [6]]]]
        assert heard(Controls(keep=keep.numpy())) == [[[[1, 2], [0, 0]], [[0], [6]]]]

    def test_means_in_place_of_the_absent(self):
        keep = tf.constant([[1, 0], [0, 1]])
        assert heard(Controls(keep=keep, fill=MEANS)) == [[[[1, 2], [7, 8]], [[9], [6]]]]

    def test_of_every_branch_apart(self):
        keep = tf.constant([[[1, 1], [1, 0]], [[0, 1], [1, 1]]])
        assert heard(Controls(keep=keep, fill=MEANS)) == [
            [[[1, 2], [3, 4]], [[5], [9]]],
            [[[7, 8], [3, 4]], [[5], [6]]],
        ]

    def test_blocked_is_oneself_and_the_means_of_the_others(self):
        assert heard(blocked(2, MEANS)) == [
            [[[1, 2], [3, 4]], [[9], [9]]],
            [[[7, 8], [7, 8]], [[5], [6]]],
        ]

    def test_one_row_stands_for_every_example(self):
        assert heard(Controls(keep=tf.constant([[0, 1]]))) == [[[[0, 0], [0, 0]], [[5], [6]]]]

    def test_a_mean_fills_all_places_of_space_and_time(self):
        series = tf.ones([2, 3, 2])
        keep = tf.constant([[1], [0]])
        ((filled,),) = Controls(keep=keep, fill={"here": (tf.constant([7.0, 8.0]),)}).heard(
            "here", (series,)
        )
        np.testing.assert_array_equal(filled[0], np.ones([3, 2]))
        np.testing.assert_array_equal(filled[1], [[7, 8]] * 3)

    def test_what_is_absent_may_be_nan(self):
        nothing = tf.constant([[float("nan")], [2.0]])
        ((shown,),) = Controls(keep=tf.constant([[0], [1]])).heard("here", (nothing,))
        assert shown.numpy().tolist() == [[0], [2]]

    def test_no_gradient_reaches_the_absent(self):
        with tf.GradientTape() as tape:
            tape.watch([A, B])
            ((a, b),) = Controls(keep=tf.constant([[1, 0], [0, 1]])).heard("here", (A, B))
            total = tf.reduce_sum(a) + tf.reduce_sum(b)
        gradients = tape.gradient(total, [A, B])
        assert [g.numpy().tolist() for g in gradients] == [[[1, 1], [0, 0]], [[0], [1]]]

    def test_a_module_without_means_is_named(self):
        with pytest.raises(ContractError, match="unknown fusion module 'her'; did you mean 'here'"):
            heard(Controls(keep=tf.constant([[1, 0]]), fill=MEANS), "her")


class TestParticipants:
    @pytest.mark.parametrize(
        ("keep", "expected"),
        [
            ([1, 0], [[1, 0]]),
            ([[1, 0], [0, 1]], [[1, 0], [0, 1]]),
            ([[[1, 0], [0, 1]], [[1, 1], [1, 0]]], [[1, 1], [0, 0]]),
        ],
    )
    def test_is_what_branches_hear_of_their_own(self, keep, expected):
        assert participants(tf.constant(keep)).numpy().tolist() == expected


class Noting(FusionNetwork):
    """Notes what it is told."""

    def __init__(self):
        super().__init__("a")
        self.head = keras.layers.Dense(2)
        self.told = []

    def call(self, inputs, controls=NORMAL, training=False):
        self.told.append(controls)
        logits = {"a": self.head(inputs["a"])}
        return Outputs(self.fuse_logits(logits), logits, inputs, {})

    def variable_groups(self):
        return VariableGroups({"a": self.head.trainable_variables}, {})


class TestKeras:
    @pytest.fixture(params=["mixed_bfloat16", "float32"])
    def network(self, request, precision):
        precision(request.param)
        return Noting()

    def test_passes_the_very_same_value_by_position_and_by_name(self, network):
        controls = Controls(tf.constant([True]), tf.ones([2, 1]), MEANS, lambda features: features)
        network({"a": tf.ones([2, 3])}, controls)
        network({"a": tf.ones([2, 3])}, controls=controls, training=True)
        assert all(told is controls for told in network.told)
        assert controls.keep.dtype == tf.float32

    def test_tells_nothing_where_nothing_is_said(self, network):
        network({"a": tf.ones([2, 3])})
        assert all(told is NORMAL for told in network.told)

    def test_traces_tensors_among_them(self, network):
        inputs = {"a": tf.ones([2, 3])}
        network(inputs)

        @tf.function
        def step(keep):
            return network(inputs, Controls(keep=keep)).logits

        assert step(tf.ones([2, 1])).shape == (2, 2)
        assert step.experimental_get_tracing_count() == 1
