"""Consoles and the words for numbers."""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Wide enough for every table: what reads a pipe must not meet wrapped cells.
_PIPE_WIDTH = 200


def console(*, err: bool = False) -> "Console":
    """Return a console for stdout or stderr; names and paths are printed as they are."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=err, width=width, highlight=False, markup=False, emoji=False)


def plain_table(*headers: str) -> "Table":
    """Return an empty table without lines; what is too long for a column is folded."""
    from rich.table import Column, Table

    columns = [Column(header, overflow="fold") for header in headers]
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))


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
