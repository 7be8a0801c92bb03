"""Formulas of finished HTML -> MathML, which browsers show without any script or font."""

import html
import re

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def with_mathml(page: str) -> str:
    """Return HTML with the formulas that pymdownx.arithmatex marked turned into MathML."""
    page = _BLOCK.sub(lambda found: _mathml(found[1], "block"), page)
    return _INLINE.sub(lambda found: _mathml(found[1], "inline"), page)


def _mathml(formula: str, display: str) -> str:
    return convert(html.unescape(formula).strip(), display=display)
