"""Small meshes of three classes, which views can tell apart often, not always.

A body tapers more or less and is round or square; the classes overlap in both. In front, where
view 0 looks, most objects have what goes with their class; view 6 sees the body alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Polygons = list[tuple[int, ...]]
Shape = tuple[NDArray[np.float64], Polygons]
Part = tuple[float, float, float]

HANDLE, DRAWER = (0.25, 0.35, 0.8), (0.8, 0.1, 0.4)
"""Half the width, the lower and the upper end of what stands in front, in parts of the height."""
TYPICAL = 0.9
"""Share of the objects whose front goes with their class; the others have that of any."""
CORNERS = (24, 4)
DEEP = 0.4


def box(rng: np.random.Generator) -> Shape:
    """Return a dresser: mostly square, with a drawer."""
    return _object(rng, top=0.8, square=0.7, front=DRAWER)


def cylinder(rng: np.random.Generator) -> Shape:
    """Return a cup: mostly round, with a handle."""
    return _object(rng, top=0.6, square=0.4, front=HANDLE)


def cone(rng: np.random.Generator) -> Shape:
    """Return a cone, cut off, or a pyramid."""
    return _object(rng, top=0.4, square=0.4, front=None)


# Class to shape; the class's first mesh has its counts glued to the keyword.
SHAPES: dict[str, Callable[[np.random.Generator], Shape]] = {
    "cone": cone,
    "cup": cylinder,
    "dresser": box,
}


def _object(rng: np.random.Generator, top: float, square: float, front: Part | None) -> Shape:
    """Return a body and its front.

    Args:
        rng: draws what differs within a class.
        top: mean width of the upper end, in parts of that of the lower one.
        square: share of the bodies with four corners.
        front: of the class.
    """
    height, width = rng.uniform(1.5, 3), float(np.clip(rng.normal(top, 0.2), 0.05, 1.2))
    corners = CORNERS[int(rng.random() < square)]
    if rng.random() > TYPICAL:
        front = (None, HANDLE, DRAWER)[rng.integers(3)]
    points, faces = _frustum(corners, width, height)
    if front is None:
        return points, faces
    half, low, high = front
    reach = 1 + (width - 1) * high
    block, sides = _block((0.5 * reach, reach + DEEP), (-half, half), (low * height, high * height))
    return np.vstack([points, block]), [*faces, *_moved(sides, len(points))]


def _frustum(corners: int, width: float, height: float) -> Shape:
    """Return a body that stands on the ground and looks to +X with a side."""
    angle = (np.arange(corners) + 0.5) * 2 * np.pi / corners
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(corners)], axis=1)
    points = np.vstack([ring, ring * width + (0, 0, height)])
    faces: Polygons = [tuple(range(corners)), tuple(range(corners, 2 * corners))]
    for i in range(corners):
        j = (i + 1) % corners
        faces += [(i, j, corners + j), (i, corners + j, corners + i)]
    return points, faces


def _block(*bounds: tuple[float, float]) -> Shape:
    points = np.array([(x, y, z) for x in bounds[0] for y in bounds[1] for z in bounds[2]])
    return points, [
        (0, 1, 3, 2),
        (4, 6, 7, 5),
        (0, 4, 5, 1),
        (2, 3, 7, 6),
        (0, 2, 6, 4),
        (1, 5, 7, 3),
    ]


def _moved(faces: Sequence[tuple[int, ...]], by: int) -> Polygons:
    return [tuple(corner + by for corner in face) for face in faces]
