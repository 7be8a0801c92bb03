"""`mmbal runs`: which runs there are, how far they are, and what they reached."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from mmbal.cli.console import line_width, number, print_json, typed
from mmbal.cli.options import TypedPath
from mmbal.errors import attempting

HEADER = ("recipe", "strategy", "seed", "status", "valid.", "test", "size", "age", "run")
_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SHORTEST = 8
"""Letters of a recipe or strategy that stay where a line is too short for all."""


@click.command()
@click.argument("folder", metavar="[DIR]", default="runs", type=TypedPath(file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="One JSON object: a list, the newest first.")
def runs(folder: Path, *, as_json: bool) -> None:
    """List the runs in DIR and below, by default `runs`.

    The newest come first; trials of sweeps and comparisons are runs, too. Scores are accuracies
    of the selected weights, on validation and on test.
    """
    from mmbal.records.listing import find_runs, glance

    with attempting(f"list the runs in {folder}; `mmbal run` makes them in runs/"):
        folder.stat()
    found = find_runs(folder, partial(click.echo, err=True))
    rows = sorted(map(glance, found), key=_started, reverse=True)
    if as_json:
        print_json(rows)
        return
    for line in _lines(rows) if rows else ():
        click.echo(line)
    for row in rows:
        if row["error"]:
            click.echo(f"{row['status']}: {row['error']}", err=True)
    if not rows:
        click.echo(f"no runs in {folder}", err=True)


def _started(row: Mapping[str, Any]) -> datetime:
    try:
        time = datetime.fromisoformat(row["started"])
    except (TypeError, ValueError):  # of a damaged run
        return datetime.min.replace(tzinfo=UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table; where lines are too short, a run's folder stands below it, whole."""
    now, room = datetime.now(UTC), line_width()
    cells = [HEADER, *(_cells(row, now) for row in rows)]
    *widths, paths = (max(map(len, column)) for column in zip(*cells, strict=True))
    beside = sum(widths) + 2 * len(widths) + paths <= room
    while sum(widths) + 2 * (len(widths) - 1) > room and max(widths[:2]) > _SHORTEST:
        widths[widths.index(max(widths[:2]))] -= 1
    for *row, path in cells:
        shown = [
            (cell if len(cell) <= width else f"{cell[: width - 1]}…").ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        line = "  ".join(shown)
        yield f"{line}  {path}" if beside else f"{line.rstrip()}\n  {path}"


def _cells(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    names = ["-" if row[key] is None else str(row[key]) for key in ("recipe", "strategy", "seed")]
    scores = ["-" if row[key] is None else number(row[key], 3) for key in ("validation", "test")]
    seconds = max(0, (now - _started(row)).total_seconds())
    unit, letter = next((each for each in _AGES if seconds >= each[0]), _AGES[-1])
    age = f"{seconds // unit:.0f} {letter}"
    return (*names, row["status"], *scores, _size(row["bytes"]), age, typed(row["run"]))


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 9.95 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
