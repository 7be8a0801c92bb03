"""Properties that every renderer of turned views must have."""

from typing import Any

import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal_modelnet40.drawing import draw
from mmbal_modelnet40.off import Mesh
from mmbal_modelnet40.options import RenderOptions
from mmbal_modelnet40.shapes import box, cone, cylinder

pytest.importorskip("embreex")

FRAMINGS = ("ball", "view")  # a box does not turn with its object


def options(**changes: Any) -> RenderOptions:
    return RenderOptions(**{"size": 48, **changes})


def mesh_of(points: Any, polygons: Any) -> Mesh:
    fans = [(face[0], face[i], face[i + 1]) for face in polygons for i in range(1, len(face) - 1)]
    return Mesh(np.array(points, float), np.array(fans))


def turned(mesh: Mesh, degrees: float) -> Mesh:
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([(cosine, -sine, 0), (sine, cosine, 0), (0, 0, 1)])
    return Mesh(mesh.vertices @ turn.T, mesh.faces)


@pytest.fixture(params=[cone, cylinder, box], ids=lambda shape: shape.__name__)
def mesh(request: pytest.FixtureRequest) -> Mesh:
    return mesh_of(*request.param(np.random.default_rng(1)))


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_turning_the_object_shifts_the_views(mesh: Mesh, framing: str, projection: str) -> None:
    how = options(framing=framing, projection=projection)
    before, after = draw(mesh, how), draw(turned(mesh, 30), how)
    for view in range(12):
        # Turned by +30 degrees, it shows view k + 1 what it showed view k.
        assert (after[(view + 1) % 12] == before[view]).all()


def test_a_symmetric_object_looks_the_same_from_behind() -> None:
    points = [(x, y, z) for x in (0, 2.5) for y in (0, 1.5) for z in (0, 3)]
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    images = draw(mesh_of(points, sides), options())
    assert all((images[view] == images[view + 6]).all() for view in range(6))
    assert not (images[0] == images[3]).all()


@pytest.mark.parametrize("framing", ["ball", "box", "view"])
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_the_outline_stays_inside_the_frame(mesh: Mesh, framing: str, projection: str) -> None:
    for image in draw(mesh, options(framing=framing, projection=projection, elevation=60)):
        seen = image > 0
        assert seen.any()
        edges = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
        assert not edges.any()


def test_the_outline_fills_the_frame_that_fits_it(mesh: Mesh) -> None:
    for image in draw(mesh, options(framing="view", size=100, margin=0.1)):
        rows, columns = (np.flatnonzero((image > 0).any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) == pytest.approx(79, abs=2)
        assert (rows[0] + rows[-1]) / 2 == pytest.approx(49.5, abs=1.5)
        assert (columns[0] + columns[-1]) / 2 == pytest.approx(49.5, abs=1.5)


@pytest.mark.parametrize("smooth_angle", [0, 60])
def test_neither_order_nor_winding_matters(mesh: Mesh, smooth_angle: float) -> None:
    how = options(smooth_angle=smooth_angle)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(mesh.faces))
    shuffled = Mesh(mesh.vertices, np.roll(mesh.faces[order], 1, axis=1))
    assert np.array_equal(draw(mesh, how), draw(shuffled, how))
    if not smooth_angle:
        inverted = Mesh(mesh.vertices, mesh.faces[:, ::-1])
        assert np.array_equal(draw(mesh, how), draw(inverted, how))


def test_neither_size_nor_place_matters(mesh: Mesh) -> None:
    far = Mesh(mesh.vertices * 1e6 + (1e7, -1e7, 1e7), mesh.faces)
    tiny = Mesh(mesh.vertices * 1e-200, mesh.faces)
    expected = np.stack(draw(mesh, options()))
    assert (np.stack(draw(far, options())) != expected).mean() < 0.01
    assert (np.stack(draw(tiny, options())) != expected).mean() < 0.01


def test_light_by_hand() -> None:
    # A square that faces a camera at its own height, and one seen at 60 degrees.
    square = mesh_of([(0, -1, -1), (0, 1, -1), (0, 1, 1), (0, -1, 1)], [(0, 1, 2, 3)])
    how = options(elevation=0, projection="orthographic", background=7)
    images = draw(square, how)
    assert images[0][24, 24] == images[6][24, 24] == round(255 * 0.9)
    assert images[2][24, 24] == round(255 * (0.3 + 0.6 * 0.5))
    assert images[0][0, 0] == 7
    shiny = draw(square, how.model_copy(update={"ambient": 0.1, "specular": 0.2, "shininess": 2.0}))
    assert shiny[0][24, 24] == round(255 * 0.9)
    assert shiny[1][24, 24] == round(255 * (0.1 + 0.6 * 0.75**0.5 + 0.2 * 0.25))


def test_nearer_faces_hide_others() -> None:
    # Towards +X a bright square stands before one that leans; from behind it is the other way.
    points = [(1, -1, -1), (1, 1, -1), (1, 1, 1), (1, -1, 1)]
    leaning = [(-1, -1, -1), (-1, 1, -1), (0, 1, 1), (0, -1, 1)]
    mesh = mesh_of(points + leaning, [(0, 1, 2, 3), (4, 5, 6, 7)])
    images = draw(mesh, options(elevation=0, projection="orthographic"))
    assert images[0][24, 24] == round(255 * 0.9)
    assert images[6][24, 24] == round(255 * (0.3 + 0.6 * 2 / 5**0.5))


def test_smooth_shading_rounds_a_coarse_ball() -> None:
    rng = np.random.default_rng(0)
    flat = draw(mesh_of(*cylinder(rng)), options(size=64))[0]
    smooth = draw(mesh_of(*cylinder(np.random.default_rng(0))), options(size=64, smooth_angle=40))[
        0
    ]
    row = slice(28, 36)
    assert len(np.unique(smooth[row])) > len(np.unique(flat[row]))


def test_azimuth_is_counted_from_x() -> None:
    mesh = mesh_of(*cylinder(np.random.default_rng(0)))
    before, after = draw(mesh, options()), draw(mesh, options(azimuth=60))
    assert (after[0] == before[2]).all()


@pytest.mark.parametrize(
    "vertices",
    [
        np.zeros((3, 3)),
        [(0, 0, 0), (1, 1, 1), (2, 2, 2)],
        np.full((3, 3), 1e308) * [[1], [-1], [0]],
    ],
)
def test_a_mesh_without_area_is_refused(vertices: Any) -> None:
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(DataFormatError, match="no drawable face"),
    ):
        draw(Mesh(np.array(vertices, float), np.array([(0, 1, 2)])), options())


def test_faces_without_area_are_passed_over(mesh: Mesh) -> None:
    more = np.vstack([mesh.faces, [(0, 0, 1), (2, 2, 2)]])
    assert np.array_equal(draw(Mesh(mesh.vertices, more), options()), draw(mesh, options()))
