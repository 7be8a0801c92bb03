"""Draw a mesh: rays through every pixel, cast by Intel's Embree on the CPU.

Embree needs no display, no OpenGL and no system library, and gives the same bytes every time.
Vertices are brought into the camera's coordinates, rounded to a fine grid, and the triangles
put into an order of their own. So neither the order of the triangles in the file nor rounding in
the rotation moves a pixel: an object turned by the step of the cameras gives the same images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbal.errors import DataFormatError, MmbalError
from mmbal_modelnet40.camera import Camera
from mmbal_modelnet40.classes import VIEWS
from mmbal_modelnet40.off import Mesh
from mmbal_modelnet40.options import RenderOptions

Floats = NDArray[np.float64]
GRID = 2.0**19  # steps per unit; the object lies within one unit of the origin
AREA = 1e-12  # smallest area that is drawn, in those units squared


@dataclass(frozen=True)
class Surface:
    """Triangles that can be drawn, within one unit of the origin.

    Args:
        corners: (faces, 3, xyz).
        normals: (faces, 3, xyz), one unit normal for each corner.
    """

    corners: Floats
    normals: Floats


def draw(mesh: Mesh, options: RenderOptions) -> list[NDArray[np.uint8]]:
    """Draw the 12 views of a mesh.

    Args:
        mesh: +Z is up.
        options: camera, light and image.

    Returns:
        Twelve (height, width) images of gray levels.

    Raises:
        DataFormatError: no face of the mesh has an area.
        MmbalError: Embree is not installed.
    """
    surface = prepare_surface(mesh, options)
    return [_draw_view(surface, Camera(options, view), options) for view in range(VIEWS)]


def prepare_surface(mesh: Mesh, options: RenderOptions) -> Surface:
    """Centre and scale a mesh; drop its faces without area.

    Raises:
        DataFormatError: none is left.
    """
    from mmbal_modelnet40.enclosing import enclosing_ball

    used, faces = np.unique(mesh.faces, return_inverse=True)
    points, faces = mesh.vertices[used], faces.reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    # The box first: squares of very large or very small coordinates leave the range of floats.
    centre, radius = (low + high) / 2, float((high - low).max()) / 2
    if not 0 < radius < np.inf:
        raise DataFormatError("mesh has no drawable face")
    points = (points - centre) / radius
    if options.framing == "box":
        points /= 2
    else:
        middle, reach = enclosing_ball(points)
        points = (points - middle) / reach
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    kept = area > AREA
    if not kept.any():
        raise DataFormatError("mesh has no drawable face")
    faces, corners, cross, area = faces[kept], corners[kept], cross[kept], area[kept]
    return Surface(corners, _corner_normals(faces, cross, area, options.smooth_angle))


def _corner_normals(
    faces: NDArray[np.int64], cross: Floats, area: Floats, smooth_angle: float
) -> Floats:
    """Return (faces, 3, xyz) unit normals, smoothed where faces meet at a small angle."""
    flat = cross / (2 * area[:, None])
    normals = np.repeat(flat[:, None, :], 3, axis=1)
    if not smooth_angle:
        return normals
    total = np.zeros((faces.max() + 1, 3))
    for corner in range(3):
        np.add.at(total, faces[:, corner], cross)  # weighted by area
    length = np.linalg.norm(total, axis=1, keepdims=True)
    mean = np.divide(total, length, out=np.zeros_like(total), where=length > 0)[faces]
    # Both sides of a face are lit, so the angle is one between lines: 0 to 90 degrees.
    cosine = np.abs((mean * normals).sum(axis=2))
    # Slightly more than the angle: at 90 degrees every corner that has a mean takes it.
    smooth = (cosine >= np.cos(np.deg2rad(smooth_angle)) - 1e-9) & (length > 0)[faces][..., 0]
    return np.where(smooth[..., None], mean, normals)


def _draw_view(surface: Surface, camera: Camera, options: RenderOptions) -> NDArray[np.uint8]:
    cells = np.rint(camera.turn(surface.corners) * GRID).astype(np.int64)
    order = _canonical(cells)
    cells, sides = cells[order], np.arange(len(cells))[:, None]
    within = np.argsort(_packed(cells), axis=1, kind="stable")
    corners = cells[sides, within] / GRID
    normals = camera.turn(surface.normals)[order][sides, within]
    window = camera.window(corners)
    pixels = options.size * options.supersampling
    rows, columns, origins, directions = camera.rays(corners, window, pixels)
    level = np.full((pixels, pixels), float(options.background))
    hit, face, weights = _cast(corners, origins, directions)
    normal = (normals[face] * weights[..., None]).sum(axis=1)
    # To 1/256 of a gray level: noise in the last digit then tips no mean between two levels.
    light = np.rint(_light(normal, directions[hit], options) * 255 * 256) / 256
    level[rows[hit], columns[hit]] = light
    blocks = level.reshape(options.size, options.supersampling, options.size, -1)
    mean: Floats = blocks.mean(axis=(1, 3))
    return np.rint(mean).astype(np.uint8)


def _cast(
    corners: Floats, origins: Floats, directions: Floats
) -> tuple[NDArray[np.intp], NDArray[np.int32], Floats]:
    """Return which rays hit, which face, and the weights of its corners (hits, 3)."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as problem:
        raise MmbalError(
            f"drawing meshes needs embreex, which cannot be imported here ({problem}); prepare "
            "the views on x86-64 or macOS, or use the published ones"
        ) from problem
    scene = EmbreeScene(robust=True)  # no ray slips between two triangles
    TriangleMesh(scene, corners.astype(np.float32))
    found = scene.run(origins.astype(np.float32), directions.astype(np.float32), output=1)
    hit = np.flatnonzero(found["primID"] >= 0)
    u, v = (found[name][hit].astype(np.float64) for name in "uv")
    return hit, found["primID"][hit], np.stack([1 - u - v, u, v], axis=1)


def _light(normal: Floats, direction: Floats, options: RenderOptions) -> Floats:
    """Return (hits,) levels in 0..1: Phong's model, the light being at the camera."""
    length = np.linalg.norm(normal, axis=1) * np.linalg.norm(direction, axis=1)
    cosine = np.abs((normal * direction).sum(axis=1)) / np.maximum(length, 1e-12)
    level = options.ambient + options.diffuse * cosine
    if options.specular:  # towards the light again, where it is reflected to
        mirrored = np.clip(2 * cosine**2 - 1, 0, 1)
        level = level + options.specular * mirrored**options.shininess
    clipped: Floats = np.clip(level, 0, 1)
    return clipped


def _packed(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one integer for each corner (faces, 3), different for different places."""
    shifted = corners + (1 << 20)
    packed: NDArray[np.int64] = (shifted[..., 0] << 42) | (shifted[..., 1] << 21) | shifted[..., 2]
    return packed


def _canonical(corners: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return an order of the faces that their order in the file does not affect."""
    return np.lexsort(np.sort(_packed(corners), axis=1).T)
