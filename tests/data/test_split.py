"""Held-out examples keep the shares of labels."""

import numpy as np
import pytest

from mmbal.data.split import hold_out

LABELS = np.random.default_rng(0).integers(0, 10, 1003)


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2, 0.5])
def test_held_out_examples_keep_the_shares_of_labels(fraction: float) -> None:
    kept, held = hold_out(LABELS, fraction, np.random.default_rng(0))
    assert sorted([*kept, *held]) == list(range(1003))
    assert len(held) == round(fraction * 1003)
    for label in range(10):
        expected = fraction * (label == LABELS).sum()
        assert abs((LABELS[held] == label).sum() - expected) <= 1


def test_splits_follow_the_seed() -> None:
    one, again, other = (
        hold_out(LABELS, 0.1, np.random.default_rng(seed))[1] for seed in (0, 0, 1)
    )
    assert (one == again).all()
    assert (one != other).any()


def test_too_few_examples_hold_out_none() -> None:
    kept, held = hold_out(np.array([4, 4, 4]), 0.1, np.random.default_rng(0))
    assert kept.tolist() == [0, 1, 2]
    assert held.tolist() == []
