"""Colours against published and hand-worked numbers."""

import numpy as np
import pytest

from mmbal_colored_mnist.colour import (
    apparent_colours,
    draw_colours,
    generator,
    nearest_colour,
)
from mmbal_colored_mnist.options import PALETTE

LABELS = np.arange(20_000) % 10


@pytest.mark.parametrize(
    ("variance", "rule", "share"),
    [
        (0.02, "reject", 0.81),
        (0.02, "clip", 0.85),
        (0.03, "reject", 0.73),
        (0.03, "clip", 0.78),
        (0.05, "reject", 0.57),
        (0.05, "clip", 0.66),
    ],
)
def test_how_often_a_colour_is_nearest_to_its_own_mean(
    variance: float, rule: str, share: float
) -> None:
    colours = draw_colours(LABELS, PALETTE, variance, rule, generator(1, 0))
    own = (nearest_colour(colours, PALETTE) == LABELS).mean()
    # Two decimals are published; the deviation of a share of 20,000 draws is 0.0035.
    assert own == pytest.approx(share, abs=0.012)


def test_a_colour_that_ignores_the_label_is_nearest_to_it_by_chance() -> None:
    indices = generator(1, 1).integers(0, 10, len(LABELS))
    colours = draw_colours(indices, PALETTE, 0.03, "reject", generator(1, 2))
    own = (nearest_colour(colours, PALETTE) == LABELS).mean()
    assert own == pytest.approx(0.10, abs=0.01)


def test_rejection_stays_inside_and_clipping_reaches_the_border() -> None:
    rejected = draw_colours(LABELS, PALETTE, 0.05, "reject", generator(2, 0))
    clipped = draw_colours(LABELS, PALETTE, 0.05, "clip", generator(2, 0))
    assert rejected.dtype == clipped.dtype == np.float32
    assert ((rejected > 0) & (rejected < 1)).all()
    assert clipped.min() == 0
    assert clipped.max() == 1
    # A draw inside is the same under both rules; only what fell outside differs.
    inside = (clipped > 0) & (clipped < 1)
    assert (rejected[inside] == clipped[inside]).all()


def test_a_large_variance_still_ends() -> None:
    assert draw_colours(LABELS, PALETTE, 1.0, "reject", generator(2, 0)).shape == (20_000, 3)


def test_moments_of_a_mean_far_from_the_border() -> None:
    grey = [(128, 128, 128)] * 10
    colours = draw_colours(LABELS, grey, 0.02, "clip", generator(3, 0))
    assert colours.mean(axis=0) == pytest.approx([128 / 255] * 3, abs=0.005)
    assert colours.var(axis=0) == pytest.approx([0.02] * 3, abs=0.001)
    assert np.corrcoef(colours.T)[0, 1] == pytest.approx(0, abs=0.03)  # channels are independent


def test_streams_of_a_seed_differ_and_repeat() -> None:
    one, again, other = (generator(7, s).random(4) for s in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).all()


def test_apparent_colour_by_hand() -> None:
    images = np.array([[[100, 0], [50, 50]], [[0, 0], [0, 0]]], np.uint8)
    coloured = np.zeros((2, 2, 2, 3), np.uint8)
    coloured[0, 0, 0] = (50, 100, 0)
    coloured[0, 1, 0] = (25, 50, 0)
    coloured[0, 1, 1] = (25, 50, 0)
    assert apparent_colours(images, coloured).tolist() == [[0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]
