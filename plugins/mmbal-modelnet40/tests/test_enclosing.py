"""The smallest ball, by hand and by its properties."""

import numpy as np
import pytest

from mmbal_modelnet40.enclosing import enclosing_ball


@pytest.mark.parametrize(
    ("points", "centre", "radius"),
    [
        ([(1, 2, 3)], (1, 2, 3), 0),
        ([(-1, 0, 0), (1, 0, 0), (0.5, 0, 0)], (0, 0, 0), 1),
        ([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)], (0, 0, 0), 1),  # in a plane
        ([(x, y, z) for x in (0, 1) for y in (0, 2) for z in (0, 2)], (0.5, 1, 1), 1.5),
        ([(0, 0, 0)] * 5 + [(2, 0, 0)], (1, 0, 0), 1),
    ],
)
def test_by_hand(points: list[tuple[float, ...]], centre: tuple[float, ...], radius: float) -> None:
    found, reach = enclosing_ball(np.array(points, float))
    assert np.allclose(found, centre, atol=1e-9)
    assert reach == pytest.approx(radius, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_holds_all_and_turns_with_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 3))
    points /= np.abs(points).max()
    centre, radius = enclosing_ball(points)
    distances = np.linalg.norm(points - centre, axis=1)
    assert distances.max() == pytest.approx(radius)
    assert (distances > radius - 1e-6).sum() >= 2
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turned, same = enclosing_ball(points @ turn.T)
    assert np.allclose(turned, turn @ centre, atol=1e-8)
    assert same == pytest.approx(radius)
