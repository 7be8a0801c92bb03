"""What figures of a page are made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmbal.comparison.values import Arm
from mmbal.page.drawing import Drawing, Panel, look
from mmbal.page.markup import Html, element
from mmbal.page.shown import Shown


class Figure(NamedTuple):
    """A section of a page.

    Attributes:
        title: its heading.
        caption: what is drawn.
        drawings: one or several.
        table: the same in numbers.
        arms: that are told apart by their looks alone, and so need a legend.
    """

    title: str
    caption: str
    drawings: Sequence[Drawing]
    table: Html
    arms: Sequence[Arm] = ()


def legend(shown: Shown, arms: Sequence[Arm]) -> Html:
    """Return what the looks of arms mean, beside the drawings rather than on them."""
    items = []
    for arm in arms:
        colour, line, _ = look(shown.arms.index(arm))
        dashes = {"--": "6 3", ":": "2 2", "-.": "6 2 2 2"}.get(line, "none")
        path = element("path", d="M0 6H28", stroke=colour, stroke_dasharray=dashes)
        swatch = element("svg", path, viewBox="0 0 28 12", class_="swatch", aria_hidden="true")
        items.append(element("li", swatch, arm.label))
    return element("ul", *items, class_="legend")


def mark(panel: Panel, axis: Any, point: tuple[float, float], place: int, text: str) -> None:
    """Paint a point of the arm at a place, which tells a text."""
    colour, _, shape = look(place)
    (dot,) = axis.plot(*point, shape, color=colour, markersize=4.5)
    panel.tell(dot, text)
