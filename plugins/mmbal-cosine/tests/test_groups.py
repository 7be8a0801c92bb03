"""Bias groups and their tables, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal import Examples
from mmbal_cosine.groups import (
    cluster,
    count_labels,
    entropy,
    margin_table,
    nearest,
    read_summaries,
    summarise,
)


class TestTable:
    def test_entropy_in_bits(self):
        shares = np.array([[0.7, 0.2, 0.1], [1 / 3] * 3, [1, 0, 0], [0, 0, 0]])
        np.testing.assert_allclose(entropy(shares), [1.156780, np.log2(3), 0, 0], atol=1e-6)

    def test_shares_of_each_group(self):
        table = margin_table(np.array([[70, 20, 10], [0, 0, 8]]), 0, 0.9)
        np.testing.assert_allclose(table, [[0.7, 0.2, 0.1], [0, 0, 1]], rtol=1e-6)
        assert table.dtype == np.float32

    def test_rare_classes_are_dropped_before_shares_are_formed(self):
        table = margin_table(np.array([[60, 50, 49]]), 50, 1)
        np.testing.assert_allclose(table, [[60 / 110, 50 / 110, 0]], rtol=1e-6)

    def test_a_group_without_any_class_left_is_zeros(self):
        assert margin_table(np.array([[5, 3, 0], [0, 0, 0]]), 6, 1).tolist() == [[0] * 3] * 2

    @pytest.mark.parametrize(("bound", "kept"), [(0.72, False), (0.74, True)])
    def test_the_bound_is_a_share_of_the_largest_entropy(self, bound, kept):
        # 1.156780 bits of log2 3 = 1.584963 are 0.729847.
        assert margin_table(np.array([[7, 2, 1]]), 0, bound).any() == kept

    def test_equally_frequent_classes_reach_every_bound(self):
        assert not margin_table(np.array([[4, 4, 4, 4]]), 0, 1).any()

    def test_one_class_is_no_error(self):
        assert margin_table(np.array([[4]]), 0, 0.9).tolist() == [[1]]

    def test_counts(self):
        counts = count_labels(np.array([0, 2, 2, 2]), np.array([1, 0, 0, 1]), 3)
        assert counts.tolist() == [[0, 1, 0], [0, 0, 0], [2, 1, 0]]


class TestClusters:
    POINTS = np.array([[0, 0], [0, 1], [9, 9], [9, 8], [0.5, 0.5]], "float32")

    def test_groups_of_similar_examples(self):
        found = cluster(self.POINTS, 2, seed=0)
        first, second = found.members[0], found.members[2]
        assert found.members.tolist() == [first, first, second, second, first]
        np.testing.assert_allclose(found.centroids[first], [0.5 / 3, 0.5], atol=1e-6)
        np.testing.assert_allclose(found.centroids[second], [9, 8.5], atol=1e-6)

    def test_members_are_those_of_the_nearest_centre(self):
        points = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
        found = cluster(points, 5, seed=1)
        assert nearest(tf.constant(points), tf.constant(found.centroids)).numpy().tolist() == (
            found.members.tolist()
        )

    def test_a_seed_gives_the_same_groups(self):
        points = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
        one, other = cluster(points, 7, seed=3), cluster(points, 7, seed=3)
        np.testing.assert_array_equal(one.centroids, other.centroids)

    def test_there_are_no_more_groups_than_different_examples(self):
        found = cluster(np.array([[1.0], [1.0], [2.0]], "float32"), 10, seed=0)
        assert sorted(found.centroids.ravel()) == [1, 2]


class TestSummaries:
    @pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3), (2, 2, 2, 3)])
    def test_average_over_space_and_time(self, shape):
        inputs = np.random.default_rng(0).integers(0, 255, (6, *shape))
        expected = inputs.reshape(6, -1, 3).mean(axis=1)
        for dtype in (np.int64, np.uint8, np.float32):
            np.testing.assert_allclose(summarise(tf.constant(inputs.astype(dtype))), expected)

    def test_are_read_in_the_order_of_the_examples(self):
        a = np.arange(2400, dtype="float32").reshape(1200, 2)
        examples = Examples.from_arrays({"a": a, "b": a}, np.arange(1200) % 7)
        averages, labels = read_summaries(examples, ("a",))
        assert list(averages) == ["a"]
        np.testing.assert_array_equal(averages["a"], a)
        np.testing.assert_array_equal(labels, np.arange(1200) % 7)
