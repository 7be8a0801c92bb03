"""Distances by hand."""

import numpy as np
import pytest

from mmbal.laboratory.difference import below, difference

nan, inf = np.nan, np.inf


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([[4.0, 1.0]], [[4.0, 1.0]], 0.0),
        ([[4.0, 1.0]], [[4.0, 1.5]], 0.125),
        ([[-8.0, 1.0]], [[-8.0, 2.0]], 0.125),
        ([[1.0, -4.0], [0.5]], [[1.0, -3.0], [0.5]], 0.25),
        ([[0.0]], [[1e-300]], 1.0),
        ([[4.0, nan]], [[4.0, nan]], 0.0),
        ([[4.0, nan]], [[5.0, nan]], 0.2),
        ([[4.0, nan]], [[4.0, 1.0]], inf),
        ([[4.0, 1.0]], [[4.0, nan]], inf),
        ([[4.0, inf]], [[4.0, inf]], 0.0),
        ([[4.0, inf]], [[5.0, inf]], 0.2),
        ([[4.0, inf]], [[4.0, -inf]], inf),
        ([[1.0]], [[[1.0]]], inf),
        ([[1.0, 2.0]], [[1.0]], inf),
        ([[1.0], [2.0]], [[1.0]], inf),
        ([[]], [[]], 0.0),
        ([], [], 0.0),
    ],
)
def test_difference_is_relative_to_the_largest_entry(ours, theirs, expected):
    arrays = [[np.array(each) for each in side] for side in (ours, theirs)]

    assert difference(*arrays) == expected


def test_below_takes_a_prefix_off():
    assert list(below({"a/b/c": 1, "ab/c": 2}, "a")) == ["b/c"]
