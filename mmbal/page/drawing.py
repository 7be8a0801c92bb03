"""Small static drawings, as SVG in a page (its colours, a title on every point) or in a figure."""

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmbal.page.markup import Html
from mmbal.report.curves import COLOURS, house_style

if TYPE_CHECKING:
    from matplotlib.artist import Artist

# Two colours that stand for those of the reader's page, light or dark.
TEXT, FAINT = "#010203", "#040506"
_THEME = {TEXT: "currentColor", FAINT: "var(--faint)"}
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D", "v", "P")
WIDTH = 4.7
"""Inches of 72 px: about a telephone's screen, so that text keeps its size there."""
_CELLS = 150
"""A heat map of more is one image, without numbers in its cells."""
_TAG = re.compile(r"<[^<>]+>")


class Panel:
    """A drawing in the making.

    Attributes:
        axes: from above.
        ink, faint: colours of text, and of lines that are behind others.
        titles: name of a part of the drawing to what a reader sees who points at it.
    """

    def __init__(self, axes: Sequence[Any], ink: str, faint: str) -> None:
        self.axes, self.ink, self.faint = axes, ink, faint
        self.titles: dict[str, str] = {}

    def tell(self, artist: "Artist", text: str) -> None:
        """Let a reader who points at something read a text."""
        name = f"told{len(self.titles)}"
        artist.set_gid(name)
        self.titles[name] = text


class Drawing(NamedTuple):
    """What is to be drawn.

    Attributes:
        title: above it, and what a reader hears who does not see it.
        paint: draws on the panel's axes.
        height: in inches.
        ratios: of the heights of axes that stand one below the other.
    """

    title: str
    paint: Callable[[Panel], None]
    height: float
    ratios: Sequence[float] = (1,)


def style(ink: str, faint: str) -> dict[str, Any]:
    """Return matplotlib's settings for drawings in two colours beside those of curves."""
    return {
        "axes.edgecolor": faint, "axes.labelcolor": ink, "axes.titlecolor": ink,
        "text.color": ink, "xtick.color": ink, "ytick.color": ink, "grid.color": faint,
        "grid.linewidth": 0.6, "axes.titlesize": 10, "axes.axisbelow": True,
        "text.parse_math": False, "image.cmap": "cividis",
    }  # fmt: skip


def fill(figure: Any, drawing: Drawing, ink: str, faint: str) -> Panel:
    """Draw in a figure of matplotlib, or a part of one."""
    rows = len(drawing.ratios)
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=drawing.ratios)
    panel = Panel([*axes[:, 0]], ink, faint)
    panel.axes[0].set_title(legible(drawing.title, 60))
    drawing.paint(panel)
    return panel


def draw(drawing: Drawing) -> Html:
    """Return a drawing as part of a page.

    Raises:
        MmbalError: matplotlib is absent.
    """
    image, title = io.BytesIO(), drawing.title
    # Names inside are made from the salt: those of two drawings on a page must differ.
    page = {"svg.hashsalt": ascii(title), "svg.fonttype": "none", "savefig.transparent": True}
    with house_style(style(TEXT, FAINT) | page):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, drawing.height), layout="constrained")
        panel = fill(figure, drawing, TEXT, FAINT)
        figure.savefig(image, format="svg", dpi=100, metadata={"Date": None})
    return _as_part(image.getvalue().decode(), title, panel.titles)


def legible(text: str, most: int = 48) -> str:
    """Return a name as can be drawn: what is no character in words, what is long cut short."""
    clean = "".join(c if c.isprintable() else "�" for c in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def look(place: int) -> tuple[str, str, str]:
    """Return colour, line and mark of the arm at a place, which tell it apart without colours."""
    turn = place + place // len(COLOURS)
    return COLOURS[place % len(COLOURS)], LINES[turn % len(LINES)], MARKS[turn % len(MARKS)]


def heat_map(
    panel: Panel,
    values: np.ndarray,
    names: tuple[Sequence[str], Sequence[str]],
    bounds: tuple[float, float],
) -> None:
    """Paint (row, column) values within bounds: darker is less."""
    import matplotlib as mpl
    from matplotlib.patches import Rectangle

    axis, (rows, columns) = panel.axes[0], names
    axis.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    scaled = mpl.colors.Normalize(*bounds)
    if values.size > _CELLS:
        extent = (0, len(columns), len(rows), 0)
        axis.imshow(values, norm=scaled, extent=extent, aspect="auto", interpolation="nearest")
        return
    for (row, column), value in np.ndenumerate(values):
        defined, share = np.isfinite(value), float(scaled(value))
        colour = mpl.colormaps["cividis"](share) if defined else "none"
        cell = axis.add_patch(Rectangle((column, row), 1, 1, facecolor=colour))
        number = f"{value:.2f}" if defined else "-"
        panel.tell(cell, f"{rows[row]}, {columns[column]}: {number}")
        ink = panel.ink if not defined else "#ffffff" if share < 0.5 else "#000000"
        axis.text(column + 0.5, row + 0.5, number, ha="center", va="center", color=ink)
    slant = 40 if max(map(len, columns)) * len(columns) > 30 else 0
    labels = [legible(name, 18) for name in columns]
    axis.set_xticks(np.arange(len(columns)) + 0.5, labels, rotation=slant,
                    ha="right" if slant else "center")  # fmt: skip
    axis.set_yticks(np.arange(len(rows)) + 0.5, [legible(name, 18) for name in rows])
    axis.tick_params(length=0)


def _as_part(svg: str, title: str, titles: dict[str, str]) -> Html:
    """Return a drawing as part of a page: of its names only those that are referred to."""
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", svg, flags=re.DOTALL)
    _, root, inside = re.split(r"(<svg[^>]*>)", svg, maxsplit=1)
    used = {name for tag in _TAG.findall(inside) for name in re.findall(r"#([\w-]+)", tag)}

    def fit(found: re.Match[str]) -> str:
        tag, behind = found[0], ""
        if (name := re.search(r' id="([^"]*)"', tag)) and name[1] not in used:
            tag = tag.replace(name[0], "")
            behind = f"<title>{escape(titles[name[1]])}</title>" if name[1] in titles else ""
        for colour, word in _THEME.items():
            tag = tag.replace(colour, word)
        if tag.startswith(("<path", "<use", "<text")):
            tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)
        return tag + behind

    box = re.search(r'viewBox="[^"]*"', root)
    opened = f'<svg role="img" aria-label="{escape(title)}" {box[0] if box else ""}>'
    return Html(opened + re.sub(r"\n\s*", "\n", _TAG.sub(fit, inside)))
