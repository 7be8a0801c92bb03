"""HTML from plain values: whatever is not `Html` already is escaped."""

from collections.abc import Sequence
from html import escape

_LONG = 40
"""Of a cell of more characters, lines are broken."""


class Html(str):
    """Text that is HTML: it goes into a page as it stands."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Html:
    """Return an element.

    Args:
        tag: its name.
        children: what it holds.
        attributes: by name, in which "_" stands for "-", and a last one for nothing.
    """
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
    )
    return Html(f"<{tag}{told}>{joined(children)}</{tag}>")


def joined(parts: Sequence[str]) -> Html:
    """Return parts one behind the other, escaped where they are plain text."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """Return a table in a box of its own, which scrolls where the screen is narrow."""
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = [
        element("tr", element("th", first, scope="row"), *map(_cell, others))
        for first, *others in rows
    ]
    parts = element("caption", caption), element("thead", head), element("tbody", *body)
    whole = element("table", *parts)
    return element("div", whole, class_="table", role="region", tabindex="0", aria_label=caption)


def _cell(text: str) -> Html:
    return element("td", text, **({"class_": "words"} if len(text) > _LONG else {}))


def bullets(lines: Sequence[str]) -> Html:
    """Return a list, or nothing where there are no lines."""
    return element("ul", *(element("li", line) for line in lines)) if lines else Html()
