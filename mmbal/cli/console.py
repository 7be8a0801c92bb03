"""Consoles and the words for numbers."""

import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

import click

from mmbal.files.plain_json import to_json
from mmbal.files.streams import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table: what reads a pipe must not meet wrapped cells.
_PIPE_WIDTH = 200


def line_width(*, err: bool = False) -> int:
    """Return how many characters a line holds: of COLUMNS, else of the terminal, else many."""
    stream = sys.stderr if err else sys.stdout
    seen = stream is not None and not stream.closed and stream.isatty()
    if seen or os.environ.get("COLUMNS", "").isdecimal():
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


def print_table(out: "Console", header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one row per thing, or where rows do not fit one column: as many as fit, and again."""
    header, *rows = [tuple(plain(cell, out.encoding) for cell in row) for row in [header, *rows]]
    if _width([header, *rows]) <= out.width:
        tables: list[list[Sequence[str]]] = [[header, *rows]]
    else:
        tables = [[]]
        for row in rows:
            if tables[-1] and _width(zip(header, *tables[-1], row, strict=True)) > out.width:
                tables.append([])
            tables[-1].append(row)
        tables = [list(zip(header, *columns, strict=True)) for columns in tables]
    for number, (first, *rest) in enumerate(tables):
        table = plain_table(*first)
        for cells in rest:
            table.add_row(*cells)
        out.print(*([""] if number else []), table, sep="\n")


def _width(rows: Iterable[Sequence[str]]) -> int:
    """Return how wide a table is whose cells are not folded."""
    return sum(2 + max(map(len, column)) for column in zip(*rows, strict=True))


def definitions(rows: Sequence[tuple[str, str]]) -> str:
    """Return names and what they mean, one below the other; no name is broken."""
    indent = 4 + max((len(name) for name, _ in rows), default=0)
    wrapper = TextWrapper(
        line_width(), subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
    )
    return "\n".join(wrapper.fill(f"  {name:<{indent - 4}}  {text}") for name, text in rows)


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout; NaN and infinity become null."""
    click.echo(to_json(value))


def number(value: Any, digits: int = 4) -> str:
    """Return a number as text; None and NaN are undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "undefined"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def typed(path: str | os.PathLike[str]) -> str:
    """Return a path as users type it into a shell, where it is no option of the command."""
    text = os.fspath(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def literal(value: Any) -> str:
    """Return a value as users type it behind `--set key=`."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
