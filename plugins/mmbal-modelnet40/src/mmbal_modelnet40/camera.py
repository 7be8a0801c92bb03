"""Where a camera stands, what it sees, and its rays."""

import numpy as np
from numpy.typing import NDArray

from mmbal_modelnet40.classes import VIEWS
from mmbal_modelnet40.options import RenderOptions

Floats = NDArray[np.float64]
Window = tuple[float, float, float]


class Camera:
    """One of the 12: it looks at the origin, +Z upright.

    In its coordinates x points to the right, y up and z towards the camera; the origin stays.
    The object lies within one unit of the origin.

    Args:
        options: elevation, azimuth, projection and framing.
        view: 0..11.
    """

    def __init__(self, options: RenderOptions, view: int) -> None:
        azimuth = np.deg2rad(options.azimuth + 360 / VIEWS * view)
        elevation = np.deg2rad(options.elevation)
        back = np.array(
            [
                np.cos(elevation) * np.cos(azimuth),
                np.cos(elevation) * np.sin(azimuth),
                np.sin(elevation),
            ]
        )
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
        self._axes = np.stack([right, np.cross(back, right), back])
        self._options = options
        half = np.deg2rad(options.field_of_view) / 2
        # So far away that a unit ball touches the sides of the frame.
        self._distance = 1 / np.sin(half)
        self._perspective = options.projection == "perspective"
        # Half the frame, in the plane one unit from the camera, or in the object's.
        self._half = float(np.tan(half)) if self._perspective else 1.0

    def turn(self, vectors: Floats) -> Floats:
        """Return (..., xyz) vectors in the camera's coordinates."""
        turned: Floats = vectors @ self._axes.T
        return turned

    def window(self, corners: Floats) -> Window:
        """Return centre x, centre y and half side of the square that the image shows."""
        free = 1 - 2 * self._options.margin
        if self._options.framing != "view":
            return 0.0, 0.0, self._half / free
        low, high = self._bounds(corners)
        middle = (low + high) / 2
        return float(middle[0]), float(middle[1]), float((high - low).max()) / 2 / free

    def rays(
        self, corners: Floats, window: Window, pixels: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats]:
        """Return rows, columns (rays,), origins and directions (rays, xyz) that may hit.

        Args:
            corners: (faces, 3, xyz) in the camera's coordinates.
            window: what the image shows.
            pixels: of a side of the image.
        """
        x, y, half = window
        middle = np.array([x, y])
        step = 2 * half / pixels
        low, high = ((bound - middle + half) / step for bound in self._bounds(corners))
        first = np.clip(np.floor(low).astype(int) - 1, 0, pixels)
        last = np.clip(np.ceil(high).astype(int) + 1, 0, pixels)
        rows, columns = np.mgrid[pixels - last[1] : pixels - first[1], first[0] : last[0]]
        rows, columns = rows.ravel(), columns.ravel()
        across = x - half + (columns + 0.5) * step
        up = y + half - (rows + 0.5) * step
        if self._perspective:
            origins = np.tile([0.0, 0.0, self._distance], (len(rows), 1))
            directions = np.stack([across, up, np.full(len(rows), -1.0)], axis=1)
        else:
            origins = np.stack([across, up, np.full(len(rows), 2.0)], axis=1)
            directions = np.tile([0.0, 0.0, -1.0], (len(rows), 1))
        return rows, columns, origins, directions

    def _bounds(self, corners: Floats) -> tuple[Floats, Floats]:
        """Return the least and the largest (x, y) of the corners in the image plane."""
        flat = corners.reshape(-1, 3)
        plane = flat[:, :2]
        if self._perspective:
            plane = plane / (self._distance - flat[:, 2:])
        return plane.min(axis=0), plane.max(axis=0)
