"""Distances by hand, and what many rules start from."""

import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmbal.testing.benches.bench import Bench, distance
from mmbal.testing.rules import Inapplicable


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([[1.0, -4.0], [0.5]], [[1.0, -3.0], [0.5]], 0.25),
        ([[0.0]], [[0.0]], 0),
        ([[np.nan, 2.0]], [[np.nan, 2.0]], 0),
        ([[np.nan, 2.0]], [[1.0, 2.0]], np.inf),
        ([[1.0], [2.0]], [[1.0]], np.inf),
        ([[1.0, 2.0]], [[1.0]], np.inf),
        ([], [], 0),
    ],
)
def test_distance_is_relative_to_the_largest_entry(ours, theirs, expected):
    arrays = [[np.array(each) for each in side] for side in (ours, theirs)]

    assert distance(*arrays) == expected


def test_what_fails_once_fails_for_its_owner_and_is_skipped_by_others():
    bench, made = Bench(SimpleNamespace()), []

    def make():
        made.append(1)
        raise RuntimeError("broken")

    for _ in range(2):
        with pytest.raises(Inapplicable, match="the rule 'first' must be kept first"):
            bench.once("first", make)
        with pytest.raises(RuntimeError, match="broken"):
            bench.once("first", make, owner=True)
    assert made == [1]
    assert bench.once("second", lambda: 7) == bench.once("second", lambda: 8) == 7


def test_a_check_leaves_precision_and_random_numbers_as_they_were():
    bench, policy = Bench(SimpleNamespace()), keras.config.dtype_policy().name
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    with bench.around():
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_floatx("float64")
        keras.utils.set_random_seed(1)

    assert keras.config.dtype_policy().name == policy
    assert keras.config.floatx() == "float32"
    now = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    assert now == states


def test_a_folder_goes_with_its_bench():
    bench = Bench(SimpleNamespace())
    folder = bench.folder
    assert folder.is_dir()
    del bench
    assert not folder.exists()
