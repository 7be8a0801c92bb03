import numpy as np
import pytest

from mmbal.doctor.agreement import AGAIN, KINDS, judge_repetition, largest_differences


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    return {f"{kind}/{i}": draw.normal(size=3) for kind in KINDS for i in range(2)}


def test_differences_are_relative_to_the_largest_entry_of_a_kind():
    reference = {f"{kind}/{i}": np.array([size]) for kind in KINDS for i, size in ((0, 2), (1, 8))}
    other = {**reference, "speeds/0": np.array([1]), "metrics/1": np.array([6])}

    expected = dict.fromkeys(KINDS, 0.0) | {"speeds": 0.125, "metrics": 0.25}
    assert largest_differences(reference, other) == expected


@pytest.mark.parametrize("where", ["reference", "found"])
def test_a_missing_array_is_infinitely_far(arrays, where):
    less = {name: array for name, array in arrays.items() if name != "weights/1"}
    pair = (less, arrays) if where == "reference" else (arrays, less)

    assert largest_differences(*pair) == dict.fromkeys(KINDS, 0.0) | {"weights": np.inf}


def test_nothing_compared_is_no_agreement():
    assert largest_differences({}, {}) == dict.fromkeys(KINDS, np.inf)


def test_repetition_is_to_the_last_bit(arrays):
    def status(again):
        both = {"float32": arrays, AGAIN: again}
        named = {
            f"{run}/{name}": array for run, held in both.items() for name, array in held.items()
        }
        return judge_repetition("1 CPU device", named).status

    assert status({name: array.copy() for name, array in arrays.items()}) == "ok"
    name = "weights/0"
    for other in (
        np.nextafter(arrays[name], np.inf),
        arrays[name].astype(np.float32),
        arrays[name][:2],
    ):
        assert status({**arrays, name: other}) == "failed"
    assert status({**arrays, "weights/2": arrays[name]}) == "failed"
