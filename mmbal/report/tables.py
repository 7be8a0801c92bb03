"""Comparisons as rows of text, and as Markdown for papers and READMEs."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from mmbal.report.comparison import Comparison, Statistic

if TYPE_CHECKING:
    import numpy as np

_FIRST = ("accuracy", "branch_accuracy", "slice_accuracy")
_LAST = ("utilization", "d_util", "d_speed", "seconds")


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row per group: names, number of runs, mean ± deviation.

    A metric that only some runs define says of how many its mean is. Columns that no group
    can fill are left out.
    """
    groups = comparison.groups
    defined = dict.fromkeys(
        name for group in groups for name, value in group.statistics.items() if value.count
    )
    metrics = sorted(defined, key=_place)
    settings = any(group.settings for group in groups)
    rows = []
    for group in groups:
        row = [group.recipe, group.strategy]
        if settings:
            row.append(", ".join(f"{key}={value}" for key, value in group.settings.items()))
        row.append(str(len(group.runs)))
        for name in metrics:
            digits = 1 if name == "seconds" else 3
            row.append(format_statistic(group.statistics.get(name), len(group.runs), digits))
        rows.append(row)
    return ["recipe", "strategy", *(["settings"] if settings else []), "n", *metrics], rows


def _place(name: str) -> int:
    """Return where a metric stands: scores of plugins between accuracies and utilizations."""
    score = name.split("/", maxsplit=1)[0]
    order = [*_FIRST, "", *_LAST]
    return order.index(score if score in order else "")


def format_statistic(statistic: Statistic | None, runs: int, digits: int = 3) -> str:
    """Return "mean ± deviation", with "(2 of 3)" where not every run defines it."""
    if statistic is None or not statistic.count:
        return "-"
    text = f"{statistic.mean:.{digits}f}"
    if not math.isnan(statistic.deviation):
        text += f" ± {statistic.deviation:.{digits}f}"
    return text if statistic.count == runs else f"{text} ({statistic.count} of {runs})"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; numbers, which begin with n, stand to the right."""
    numbers = header.index("n")
    rule = ["---" if column < numbers else "---:" for column in range(len(header))]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        for row in (header, rule, *rows)
    )


def numbers_along_axes(
    axes: Mapping[str, Sequence[str]], values: "np.ndarray"
) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows of text: a column per label of the last axis.

    Args:
        axes: name to labels.
        values: as long along each axis as it has labels.
    """
    *outer, (last, labels) = axes.items()
    places = product(*(each for _, each in outer))
    rows = values.reshape(-1, len(labels)).tolist()
    texts = [
        [
            *place,
            *("-" if math.isnan(v) else f"{v:.0f}" if v.is_integer() else f"{v:.4f}" for v in row),
        ]
        for place, row in zip(places, rows, strict=True)
    ]
    corner = [name for name, _ in outer]
    if corner:
        corner[-1] = f"{corner[-1]}, {last}:"
    return [*corner, *labels], texts


def comparison_object(comparison: Comparison, weights: str) -> dict[str, Any]:
    """Return a comparison as JSON can hold it."""
    return {
        "weights": weights,
        "groups": [
            {
                **{name: value for name, value in vars(group).items() if name != "statistics"},
                "n": len(group.runs),
                "statistics": {name: vars(value) for name, value in group.statistics.items()},
            }
            for group in comparison.groups
        ],
        "remarks": comparison.remarks,
        "meanings": comparison.meanings,
    }
