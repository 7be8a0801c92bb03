import numpy as np
import pytest

from mmbal.doctor.agreement import KINDS, below, difference, identical, largest_differences

nan, inf = np.nan, np.inf


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([4.0, 1.0], [4.0, 1.0], 0.0),
        ([4.0, 1.0], [4.0, 1.5], 0.125),
        ([-8.0, 1.0], [-8.0, 2.0], 0.125),
        ([4.0, nan], [4.0, nan], 0.0),
        ([4.0, nan], [5.0, nan], 0.25),
        ([4.0, nan], [4.0, 1.0], inf),
        ([4.0, 1.0], [4.0, nan], inf),
        ([4.0, inf], [4.0, inf], 0.0),
        ([4.0, inf], [4.0, -inf], inf),
        ([0.0], [1e-300], inf),
        ([1.0], [[1.0]], inf),
        ([], [], 0.0),
    ],
)
def test_difference_is_relative_to_the_largest_entry(one, other, expected):
    assert difference(np.array(one), np.array(other)) == expected


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    return {f"{kind}/{i}": draw.normal(size=3) for kind in KINDS for i in range(2)}


def test_the_largest_difference_of_each_kind_counts(arrays):
    size = np.abs(arrays["speeds/1"]).max()
    found = {**arrays, "speeds/1": arrays["speeds/1"] + size / 4}

    expected = dict.fromkeys(KINDS, 0.0) | {"speeds": 0.25}
    assert largest_differences(arrays, found) == pytest.approx(expected)


@pytest.mark.parametrize("where", ["reference", "found"])
def test_a_missing_array_is_infinitely_far(arrays, where):
    less = {name: array for name, array in arrays.items() if name != "weights/1"}
    pair = (less, arrays) if where == "reference" else (arrays, less)

    assert largest_differences(*pair) == dict.fromkeys(KINDS, 0.0) | {"weights": inf}


def test_nothing_compared_is_no_agreement():
    assert largest_differences({}, {}) == dict.fromkeys(KINDS, inf)


def test_below_takes_a_prefix_off():
    assert list(below({"a/b/c": 1, "ab/c": 2}, "a")) == ["b/c"]


def test_identical_is_to_the_last_bit(arrays):
    assert identical(arrays, {name: array.copy() for name, array in arrays.items()})
    name = "weights/0"
    for other in (
        np.nextafter(arrays[name], inf),
        arrays[name].astype(np.float32),
        arrays[name][:2],
    ):
        assert not identical(arrays, {**arrays, name: other})
    assert not identical(arrays, {**arrays, "weights/2": arrays[name]})
