"""The smallest ball around points, which turns with them as their box does not."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TOLERANCE = 1e-10


def enclosing_ball(points: Floats) -> tuple[Floats, float]:
    """Return centre and radius of the smallest ball around points.

    At most four points decide it. Beginning with one, the farthest point outside joins those
    that decide, and the ball around these few is found by trying them all; it grows every time.

    Args:
        points: (points, xyz), of the order of 1.
    """
    support = points[:1]
    centre, radius = support[0], 0.0
    for _ in range(1000):  # a few in practice
        distances = np.linalg.norm(points - centre, axis=1)
        farthest = int(distances.argmax())
        if distances[farthest] <= radius + TOLERANCE:
            break
        support = np.vstack([support, points[farthest]])
        centre, radius, support = _ball_of_few(support)
    return centre, max(radius, float(np.linalg.norm(points - centre, axis=1).max()))


def _ball_of_few(points: Floats) -> tuple[Floats, float, Floats]:
    """Return the smallest ball around at most five points, and the points on it."""
    balls = []
    for count in range(2, min(4, len(points)) + 1):
        for chosen in combinations(range(len(points)), count):
            few = points[list(chosen)]
            centre, radius = _through(few)
            if (np.linalg.norm(points - centre, axis=1) <= radius + TOLERANCE).all():
                balls.append((radius, count, centre, few))
    radius, _, centre, few = min(balls, key=lambda ball: ball[:2])
    return centre, radius, few


def _through(points: Floats) -> tuple[Floats, float]:
    """Return the ball with its centre in the points' plane and all of them on its surface."""
    edges = points[1:] - points[0]
    gram = edges @ edges.T
    weights = np.linalg.lstsq(2 * gram, np.diag(gram), rcond=None)[0]
    offset = weights @ edges
    return points[0] + offset, float(np.linalg.norm(offset))
