"""Positions in windows, worked by hand."""

from typing import Any

import numpy as np
import pytest

from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.window import Sampler, at_same_times


def sampler(**options: Any) -> Sampler:
    return Sampler(NVGestureOptions(**options))


def test_the_middle_of_a_published_window() -> None:
    assert sampler().middle(80).tolist() == list(range(8, 72))
    assert sampler().middle(64).tolist() == list(range(64))


@pytest.mark.parametrize(
    ("rule", "length", "expected"),
    [
        ("edge", 3, [0, 0, 0, 1, 2, 2]),  # two before the window, one after it
        ("edge", 4, [0, 0, 1, 2, 3, 3]),
        ("zero", 3, [-1, -1, 0, 1, 2, -1]),
        ("zero", 4, [-1, 0, 1, 2, 3, -1]),
        ("tick", 3, [0, 0, 1, 1, 2, 2]),
        ("tick", 4, [0, 1, 1, 2, 3, 3]),
        ("tick", 8, [1, 2, 3, 4, 5, 6]),  # long enough: consecutive
    ],
)
def test_short_windows(rule: str, length: int, expected: list[int]) -> None:
    assert sampler(frames=6, short_window=rule).middle(length).tolist() == expected


def test_strides() -> None:
    assert sampler(frames=4, stride=3).middle(12).tolist() == [1, 4, 7, 10]
    assert sampler(frames=4, stride=3, short_window="zero").middle(9).tolist() == [-1, 2, 5, 8]


def drawn(length: int, **options: Any) -> set[tuple[int, ...]]:
    rng = np.random.default_rng(0)
    each = sampler(**options)
    return {tuple(each.drawn(length, rng).tolist()) for _ in range(200)}


def test_training_begins_anywhere_in_the_window() -> None:
    found = drawn(80)
    assert {first for first, *_ in found} == set(range(17))
    assert all(list(each) == list(range(each[0], each[0] + 64)) for each in found)


def test_training_fills_up_short_windows_at_random() -> None:
    assert drawn(2, frames=4, short_window="zero") == {
        (-1, -1, 0, 1),
        (-1, 0, 1, -1),
        (0, 1, -1, -1),
    }
    assert drawn(2, frames=4) == {(0, 0, 0, 1), (0, 0, 1, 1), (0, 1, 1, 1)}
    assert drawn(2, frames=4, short_window="tick") == {(0, 0, 1, 1)}


def test_other_rates_show_the_same_times() -> None:
    positions = np.array([-1, 0, 1, 40, 79])
    assert at_same_times(positions, 80, 80).tolist() == positions.tolist()
    # Middles of frames: 0.5/80, 1.5/80, 40.5/80 and 79.5/80 of 93 frames.
    assert at_same_times(positions, 80, 93).tolist() == [-1, 0, 1, 47, 92]
    assert at_same_times(np.arange(93), 93, 80).tolist()[-3:] == [77, 78, 79]
