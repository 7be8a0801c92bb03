"""The closing panel of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmbal.cli.console import number, plain_table
from mmbal.errors import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_BAR = 10
_BALANCE = ("utilization/", "d_util")
"""Scores that have a place of their own."""


def print_summary(
    console: "Console",
    result: Mapping[str, Any],
    commands: Sequence[str],
    wanted: Sequence[str] = (),
) -> None:
    """Print what came out of a run and what can be run next.

    Args:
        console: on stderr.
        result: what `mmbal.experiment.lifecycle` returns.
        commands: to suggest.
        wanted: names of further scores to show.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    title = f"{result['recipe']}: {result['strategy']} strategy, seed {result['seed']}"
    shown = [*dict.fromkeys([*(result.get("headlines") or ["accuracy"]), *wanted])]
    body = Group(
        _scores(result, [name for name in shown if not name.startswith(_BALANCE)]),
        Text(),
        _modalities(result),
        Text(),
        *(Text(line) for line in _balance(result)),
        Text(),
        *(Text(line) for line in _meanings(result, shown)),
    )
    console.print(Panel(body, title=title, title_align="left", expand=False))
    for line in _verdict(result["run"]):
        console.print(line, soft_wrap=True)
    console.print(f"record: {result['run']}", soft_wrap=True)
    for command in commands:
        console.print(f"  {command}", soft_wrap=True)


def _verdict(run: str) -> list[str]:
    """Return what follows from the scores of a run whose folder is there."""
    from mmbal.records.run_folder import RunFolder
    from mmbal.report.verdict import unimodal_runs, verdict

    folder = RunFolder(run)
    if not folder.record.is_file():
        return []
    record = folder.open()
    return verdict(record, unimodal_runs(folder.path, record))


def _scores(result: Mapping[str, Any], names: Sequence[str]) -> "Table":
    """Return scores by name and by weights; behind those of the test, standard errors."""
    last = result.get("last") or {}
    columns = {
        "test": result.get("test"),
        "validation": result.get("validation"),
        "test, last weights": last.get("test"),
    }
    table = plain_table("score", *(name for name, scores in columns.items() if scores))
    for name in names:
        told = [scores for scores in columns.values() if scores]
        table.add_row(name, *(_with_error(scores, name) for scores in told))
    return table


def _with_error(scores: Mapping[str, Any], name: str) -> str:
    from mmbal.report.outcome import error_name

    error = scores.get(error_name(name))
    return number(scores.get(name)) + (f" ± {error:.4f}" if error else "")


def _meanings(result: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return a line for every score that is shown, and one for learning speeds of some."""
    scores = dict.fromkeys(name.split("/")[0].split("@")[0] for name in names)
    meanings = result.get("meanings") or {}
    lines = [f"{score}: {meanings[score]}" for score in scores if score in meanings]
    if any((result.get("test") or {}).get(f"{score}_se") is not None for score in scores):
        lines.append("±: standard error over the examples")
    if any((result.get("rebalancing_steps") or {}).values()):
        lines.append("learning speed: not comparable with another strategy's, as branches were "
                     "isolated")  # fmt: skip
    return lines


def _modalities(result: Mapping[str, Any]) -> "Table":
    """Return utilization, learning speed and isolated steps of each modality."""
    utilization = result.get("utilization") or {}
    speed = result.get("learning_speed") or {}
    isolated = result.get("rebalancing_steps") or {}
    steps = result.get("steps") or 0
    table = plain_table("modality", "utilization", "", "learning speed", "isolated")
    for name in dict.fromkeys([*utilization, *speed, *isolated]):
        count = isolated.get(name, 0)
        share = f"{count} of {steps} steps ({count / steps:.0%})" if steps else str(count)
        value = utilization.get(name)
        table.add_row(name, number(value), _bar(value), number(speed.get(name)), share)
    return table


def _balance(result: Mapping[str, Any]) -> list[str]:
    length = ", ".join(counted(result.get(f"{what}s") or 0, what) for what in ("epoch", "step"))
    return [
        f"d_util   {number(result.get('d_util'))}  (difference of the utilizations)",
        f"d_speed  {number(result.get('d_speed'))}  (difference of the learning speeds)",
        f"{length}, {number(result.get('seconds'), 1)} seconds",
    ]


def _bar(value: float | None) -> str:
    """Draw a utilization on 0..1; it is not bounded by that, so the bar is clipped."""
    if value is None or math.isnan(value):
        return ""
    filled = round(min(max(value, 0.0), 1.0) * _BAR)
    return "█" * filled + "░" * (_BAR - filled)
