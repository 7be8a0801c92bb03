import re
from itertools import pairwise

import numpy as np
import pytest

from mmbal.page.drawing import FAINT, TEXT, Drawing, Panel, draw, heat_map, legible, look


def test_names_that_no_font_has_are_drawn_all_the_same() -> None:
    name = "a\udcff\x07図<b>$x_1$"

    def paint(panel: Panel) -> None:
        axis = panel.axes[0]
        axis.set_xlabel(legible(name))
        (point,) = axis.plot(1, 1, "o")
        panel.tell(point, name)

    drawn = draw(Drawing(name, paint, 2))
    assert drawn.count("a��図&lt;b&gt;$x_1$</text>") == 2  # above and below
    assert "<title>a\udcff\x07図&lt;b&gt;$x_1$</title>" in drawn
    assert legible("x" * 60, 10) == "xxxxxxxxx…"


def test_a_drawing_takes_the_colours_of_its_page_and_keeps_its_names() -> None:
    drawn = draw(Drawing(f"{TEXT} of {FAINT}", lambda panel: panel.axes[0].grid(), 2))

    assert f"{TEXT} of {FAINT}</text>" in drawn
    assert f"fill: {TEXT}" not in drawn
    assert f"stroke: {FAINT}" not in drawn
    assert "fill: currentColor" in drawn
    assert "stroke: var(--faint)" in drawn
    used = set(re.findall(r"#([\w-]+)", re.sub(r">[^<]*<", "><", drawn)))
    assert set(re.findall(r' id="([^"]+)"', drawn)) <= used


def test_twelve_arms_look_different_and_neighbours_in_every_way() -> None:
    looks = [look(place) for place in range(12)]

    assert len({*looks}) == 12
    for one, other in pairwise(looks):
        assert all(a != b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("rows", "cells"), [(15, 150), (16, 0)])
def test_only_small_heat_maps_tell_of_cells(rows: int, cells: int) -> None:
    names = [f"row {k}" for k in range(rows)], [f"column {k}" for k in range(10)]
    values = np.arange(rows * 10.0).reshape(rows, 10)
    values[0, 1] = np.nan
    drawn = draw(Drawing("map", lambda panel: heat_map(panel, values, names, (0, 200)), 3))

    assert drawn.count("<title>row") == cells
    assert ("data:image/png" in drawn) == (cells == 0)
    assert ("<title>row 0, column 1: -</title>" in drawn) == (cells > 0)
