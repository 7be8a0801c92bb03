"""Formulas of finished HTML -> MathML, which browsers show without any script or font."""

import html
import re
from collections.abc import Callable

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def with_mathml(page: str, fault: Callable[[str], None]) -> str:
    """Return HTML with the formulas that pymdownx.arithmatex marked turned into MathML.

    Args:
        page: as HTML.
        fault: told of each formula with something that the converter does not know.
    """

    def converted(formula: str, display: str) -> str:
        source = html.unescape(formula).strip()
        found = convert(source, display=display)
        if unknown := _COMMAND.search(html.unescape(found)):
            fault(f"formula {source}: {unknown[0]} is unknown to latex2mathml")
        return found

    page = _BLOCK.sub(lambda found: converted(found[1], "block"), page)
    return _INLINE.sub(lambda found: converted(found[1], "inline"), page)
