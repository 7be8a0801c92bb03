import numpy as np
import pytest

from mmbal.doctor.agreement import AGAIN, Agreement, compare, judge_repetition

KINDS = ("weights", "speeds", "isolated", "optimizer", "metrics")


@pytest.fixture
def arrays():
    draw = np.random.default_rng(0)
    return {kind: draw.normal(size=3) for kind in KINDS}


def named(**trainings):
    return {f"{t}/{kind}": array for t, held in trainings.items() for kind, array in held.items()}


def test_differences_are_relative_to_the_largest_entry_of_a_kind():
    reference = {kind: np.array([2.0, 8.0]) for kind in KINDS}
    other = {**reference, "speeds": np.array([1.0, 8.0]), "metrics": np.array([2.0, 6.0])}
    expected = dict.fromkeys(KINDS, 0.0) | {"speeds": 0.125, "metrics": 0.25}

    narrow, wide = compare(
        named(float32=reference, float64=reference), named(float32=other, float64=reference), "two"
    )

    assert narrow == Agreement("two", "float32", expected, 1e-6)
    assert narrow.largest == (0.25, "metrics")
    assert not narrow.holds
    assert wide.holds


def test_repetition_is_to_the_last_bit(arrays):
    def status(again):
        return judge_repetition(named(float32=arrays, **{AGAIN: again}), "1 CPU device").status

    assert status({name: array.copy() for name, array in arrays.items()}) == "ok"
    name = "weights"
    for other in (
        np.nextafter(arrays[name], np.inf),
        arrays[name].astype(np.float32),
        arrays[name][:2],
    ):
        assert status({**arrays, name: other}) == "failed"
