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


def print_summary(console: "Console", result: Mapping[str, Any], commands: Sequence[str]) -> None:
    """Print what came out of a run and what can be run next.

    Args:
        console: on stderr.
        result: what `mmbal.experiment.lifecycle` returns.
        commands: to suggest.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    title = f"{result['recipe']}: {result['strategy']} strategy, seed {result['seed']}"
    body = Group(
        _accuracies(result),
        Text(),
        _modalities(result),
        Text(),
        *(Text(line) for line in _balance(result)),
    )
    console.print(Panel(body, title=title, title_align="left", expand=False))
    console.print(f"record: {result['run']}", soft_wrap=True)
    for command in commands:
        console.print(f"  {command}", soft_wrap=True)


def _accuracies(result: Mapping[str, Any]) -> "Table":
    """Return accuracies by prediction (fused, each modality) and by weights."""
    last = result.get("last") or {}
    columns = {
        "test": result.get("test"),
        "validation": result.get("validation"),
        "test, last weights": last.get("test"),
    }
    table = plain_table("accuracy", *(name for name, scores in columns.items() if scores))
    scores = [column for column in columns.values() if column]
    table.add_row("fused", *(number(each.get("accuracy")) for each in scores))
    modalities = dict.fromkeys(m for each in scores for m in each.get("accuracy_by_modality") or {})
    for name in modalities:
        row = [number((each.get("accuracy_by_modality") or {}).get(name)) for each in scores]
        table.add_row(f"{name} alone", *row)
    return table


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
