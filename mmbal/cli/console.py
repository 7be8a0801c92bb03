"""Consoles and the words for numbers."""

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table: what reads a pipe must not meet wrapped cells.
_PIPE_WIDTH = 200


def line_width(*, err: bool = False) -> int:
    """Return how many characters a line holds: of COLUMNS, else of the terminal, else many."""
    stream = sys.stderr if err else sys.stdout
    if stream.isatty() or os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size().columns
    return _PIPE_WIDTH


def console(*, err: bool = False) -> "Console":
    """Return a console for stdout or stderr; names and paths are printed as they are."""
    from rich.console import Console

    width = line_width(err=err)
    return Console(stderr=err, width=width, highlight=False, markup=False, emoji=False)


def plain_table(*headers: str) -> "Table":
    """Return an empty table without lines.

    The first column holds names, which are never cut; the others are folded between words, and
    no word of a header is cut.
    """
    from rich.table import Column, Table

    columns = [
        Column(
            header,
            overflow="fold",
            no_wrap=index == 0,
            min_width=max(map(len, header.split()), default=None),
        )
        for index, header in enumerate(headers)
    ]
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


def definitions(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and what they mean, one below the other; no name is broken."""
    indent = 4 + max((len(name) for name, _ in rows), default=0)
    wrapper = TextWrapper(
        line_width(), subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
    )
    return "\n".join(wrapper.fill(f"  {name:<{indent - 4}}  {text}") for name, text in rows)


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout; NaN and infinity become null."""
    click.echo(json.dumps(_plain(value), allow_nan=False))


def number(value: Any, digits: int = 4) -> str:
    """Return a number as text; None and NaN are undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "undefined"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar, without importing NumPy
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def literal(value: Any) -> str:
    """Return a value as users type it behind `--set key=`."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
