"""The figures of a comparison in one file: PNG, SVG or PDF."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.comparison.values import Arm
from mmbal.errors import MmbalError
from mmbal.page.drawing import WIDTH, Drawing, fill, legible, look, style
from mmbal.page.figures import FIGURES
from mmbal.page.shown import Shown
from mmbal.report.curves import house_style, save_figure

INK, FAINT = "#222222", "#bbbbbb"
COLUMNS = 3
_LINE = 0.25
"""Inches of a line of a legend."""


def save_plot(shown: Shown, path: Path) -> None:
    """Draw what a page shows of a comparison; legends stand above the drawings.

    Args:
        shown: the comparison.
        path: the file; see `mmbal.report.curves.check_format`.

    Raises:
        MmbalError: there is nothing to draw, matplotlib is absent, or the file cannot be written.
    """
    rows = [*_rows(shown)]
    if not rows:
        raise MmbalError(f"cannot draw {path}: none of these runs tells anything that is drawn")
    with house_style(style(INK, FAINT)):
        from matplotlib.figure import Figure

        columns = max(len(row) for _, row in rows if isinstance(row[0], Drawing))
        heights = [height for height, _ in rows]
        whole = Figure(figsize=(WIDTH * columns, sum(heights)), layout="constrained")
        parts = np.atleast_1d(np.asarray(whole.subfigures(len(rows), 1, height_ratios=heights)))
        for part, (_, row) in zip(parts, rows, strict=True):
            if isinstance(row[0], Drawing):
                cells = np.atleast_1d(np.asarray(part.subfigures(1, columns)))
                for cell, drawing in zip(cells, row, strict=False):
                    fill(cell, drawing, INK, FAINT)
            else:
                _legend(part, shown, row, columns)
        save_figure(whole, path)


def _rows(shown: Shown) -> Iterator[tuple[float, Sequence[Any]]]:
    """Yield height and what stands there, from above: drawings, or arms that are told apart."""
    for figure in filter(None, (kind(shown) for kind in FIGURES)):
        if figure.arms:
            columns = min(COLUMNS, len(figure.drawings))
            yield 0.1 + _LINE * -(-len(figure.arms) // columns), figure.arms
        for first in range(0, len(figure.drawings), COLUMNS):
            row = figure.drawings[first : first + COLUMNS]
            yield max(drawing.height for drawing in row), row


def _legend(part: Any, shown: Shown, arms: Sequence[Arm], columns: int) -> None:
    from matplotlib.lines import Line2D

    lines = []
    for arm in arms:
        names = "color", "linestyle", "marker"
        looks: dict[str, Any] = dict(zip(names, look(shown.arms.index(arm)), strict=True))
        lines.append(Line2D([], [], **looks, label=legible(arm.label)))
    part.legend(handles=lines, loc="center left", ncols=columns)
