"""Patterns: orthogonal, equally strong, and as many as the options count on."""

import numpy as np
import pytest

from mmbal_planted.options import PlantedOptions
from mmbal_planted.patterns import patterns


@pytest.mark.parametrize(
    ("rendering", "size", "slowest", "room", "shape"),
    [
        ("vector", 32, 0, 16, (32,)),
        ("vector", 33, 5, 11, (33,)),
        ("series", 40, 2, 18, (40, 1)),
        ("image", 28, 0, 224, (28, 28, 1)),
        ("image", 7, 1, 12, (7, 7, 1)),
    ],
)
def test_they_are_orthogonal_and_of_equal_strength(rendering, size, slowest, room, shape):
    options = PlantedOptions(rendering=rendering, size=size, frequency=slowest, configuration="own",
        bits=[{"kind": "unique", "flips": {"a": 0}}], nuisance=room - 1)  # fmt: skip
    assert options.carriers("a") == room  # and one more is refused

    made = patterns(rendering, size, slowest, room)

    assert made.shape == (room, *shape)
    flat = made.reshape(room, -1)
    np.testing.assert_allclose(flat @ flat.T / flat.shape[1], np.eye(room), atol=1e-6)


def test_the_slowest_comes_first():
    first, second = patterns("vector", 32, 3, 2)

    assert (np.diff(np.sign(first)) != 0).sum() == 7  # half waves: 3 whole ones and a half
    assert (np.diff(np.sign(second)) != 0).sum() == 9


def test_an_image_begins_with_gratings_along_its_axes():
    across, along, both = patterns("image", 28, 1, 3)[..., 0]

    assert np.ptp(across, axis=0).max() == 0 or np.ptp(across, axis=1).max() == 0
    np.testing.assert_array_equal(across, along.T)
    assert np.ptp(both, axis=0).max() > 0 < np.ptp(both, axis=1).max()


def test_signs_show_in_slopes():
    """What a network that averages over time can tell: where it rises or falls."""
    for each in patterns("series", 32, 0, 16)[..., 0]:
        rising = np.maximum(np.diff(each), 0).sum()
        falling = np.maximum(-np.diff(each), 0).sum()
        assert falling - rising > 0.1
