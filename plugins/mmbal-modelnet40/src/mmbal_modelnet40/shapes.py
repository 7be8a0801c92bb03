"""Small meshes of three classes, in every spelling of the format that occurs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Polygons = list[tuple[int, ...]]
Shape = tuple[NDArray[np.float64], Polygons]


def box(rng: np.random.Generator) -> Shape:
    """Return a box, one of whose faces is a quadrilateral: a dresser."""
    width, depth, height = rng.uniform((2, 1, 2), (3, 2, 4))
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces: Polygons = [sides[0]]
    for a, b, c, d in sides[1:]:
        faces += [(a, b, c), (a, c, d)]
    return corners * (width, depth, height), faces


def cylinder(rng: np.random.Generator) -> Shape:
    """Return a cylinder without a lid and with a handle to one side: a cup."""
    circle, below = _ring(24), np.zeros((24, 1))
    height = rng.uniform(1.5, 3)
    points = np.vstack([np.hstack([circle, below]), np.hstack([circle, below + height])])
    faces = [*_wall(24), tuple(range(24))]
    handle = np.array([(1, 0, 0.3), (1.7, 0, 0.3), (1.7, 0, 0.7), (1, 0, 0.7)]) * (1, 1, height)
    return np.vstack([points, handle]), [*faces, (48, 49, 50), (48, 50, 51)]


def cone(rng: np.random.Generator) -> Shape:
    """Return a cone on a square plate."""
    height, side = rng.uniform((2, 1.1), (4, 1.5))
    circle = np.hstack([_ring(24), np.zeros((24, 1))])
    plate = np.array([(-side, -side, 0), (side, -side, 0), (side, side, 0), (-side, side, 0)])
    faces: Polygons = [(0, 1 + i, 1 + (i + 1) % 24) for i in range(24)]
    return np.vstack([[(0, 0, height)], circle, plate]), [*faces, (25, 26, 27, 28)]


# Class to shape; the class's first mesh has its counts glued to the keyword.
SHAPES: dict[str, Callable[[np.random.Generator], Shape]] = {
    "cone": cone,
    "cup": cylinder,
    "dresser": box,
}


def _ring(count: int) -> NDArray[np.float64]:
    angle = np.arange(count) * 2 * np.pi / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _wall(count: int) -> Polygons:
    faces: Polygons = []
    for i in range(count):
        j = (i + 1) % count
        faces += [(i, j, count + j), (i, count + j, count + i)]
    return faces
