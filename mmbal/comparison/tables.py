"""Comparisons as rows of text, and as Markdown, CSV, LaTeX and JSON for papers and programs."""

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mmbal.comparison.values import Arm, Comparison, Statistic

_FIRST = ("accuracy", "branch_accuracy", "slice_accuracy")
_LAST = ("utilization", "d_util", "d_speed", "seconds")
_LATEX = re.compile(r"([&%$#_{}])|(\\)|([~^])|(±)")


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row per arm: names, number of runs, mean ± deviation.

    A metric that only some runs define says of how many its mean is. Columns that no arm
    can fill are left out.
    """
    arms, metrics = comparison.arms, _metrics(comparison)
    settings = any(arm.settings for arm in arms)
    rows = []
    for arm in arms:
        row = [arm.recipe, arm.strategy]
        if settings:
            row.append(arm.told_settings)
        row.append(str(len(arm.runs)))
        row += [format_statistic(arm.statistics.get(n), len(arm.runs), _digits(n)) for n in metrics]
        rows.append(row)
    return ["recipe", "strategy", *(["settings"] if settings else []), "n", *metrics], rows


def verdict_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row per arm and score that there is a verdict on."""
    rows = [
        [arm.label, verdict.score, verdict.text]
        for arm in comparison.arms
        for verdict in arm.verdicts
    ]
    return ["arm", "score", "verdict"], rows


def pairing_text(arm: Arm) -> str:
    """Say with what an arm is compared, and what the pairs share."""
    pairing = arm.pairing
    if pairing is None:
        return arm.label
    told = [f"{arm.label} against {pairing.baseline}"]
    if not pairing.seeds:
        return f"{told[0]}: no seed in common, so nothing is paired"
    shared = {"order": pairing.order, "initial weights": pairing.weights}
    words = {True: "the same", False: "other", None: "unknown"}
    told += [f"{words[same]} {what}" for what, same in shared.items()]
    ours, theirs = pairing.epochs
    if abs(ours - theirs) > 0:
        told.append(f"another budget: {ours:g} epochs, not {theirs:g}")
    return f"{', '.join(told)}; paired by seed and split"


def ledger_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row per arm: what it costs, a run on average."""
    header = ["arm", "parameters", "FLOPs", "not counted", "seconds", "examples", "tried"]
    rows = []
    for arm in comparison.arms:
        cost = arm.ledger
        cells = [cost.parameters, cost.flops, ", ".join(cost.uncounted), cost.seconds]
        seen = "-" if math.isnan(cost.examples) else f"{cost.examples:.0f}"
        rows.append([arm.label, *map(_cell, cells), seen, _cell(cost.tried)])
    filled = [k for k in range(len(header)) if k == 0 or any(row[k] != "-" for row in rows)]
    return [header[k] for k in filled], [[row[k] for k in filled] for row in rows]


def _cell(value: Any) -> str:
    if value in (None, "") or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _metrics(comparison: Comparison) -> list[str]:
    defined = dict.fromkeys(
        name for arm in comparison.arms for name, value in arm.statistics.items() if value.count
    )
    return sorted(defined, key=_place)


def _place(name: str) -> int:
    """Return where a metric stands: scores of plugins between accuracies and utilizations."""
    score = name.split("/", maxsplit=1)[0]
    order = [*_FIRST, "", *_LAST]
    return order.index(score if score in order else "")


def _digits(name: str) -> int:
    return 1 if name == "seconds" else 3


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
    numbers = header.index("n") if "n" in header else len(header)
    rule = ["---" if column < numbers else "---:" for column in range(len(header))]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        for row in (header, rule, *rows)
    )


def markdown(comparison: Comparison) -> str:
    """Return the table of the arms, and that of the verdicts where there are any."""
    header, verdicts = verdict_rows(comparison)
    tables = [markdown_table(*comparison_rows(comparison))]
    tables += [markdown_table(header, verdicts)] if verdicts else []
    return "\n\n".join(tables)


def to_csv(comparison: Comparison) -> str:
    """Return one row per arm and metric, with what its verdict says; unknown is empty."""
    text = io.StringIO()
    told = ("word", "seeds", "difference", "low", "high", "p", "holm", "flip", "least", "crossed")
    writer = csv.writer(text, lineterminator="\n")
    arm_columns = ("recipe", "strategy", "settings", "control", "n")
    writer.writerow([*arm_columns, "score", "mean", "deviation", "count", *told])
    for arm in comparison.arms:
        of = [arm.recipe, arm.strategy, arm.told_settings, arm.control, len(arm.runs)]
        for name in _metrics(comparison):
            if (value := arm.statistics.get(name)) and value.count:
                verdict = arm.verdict(name)
                said = [getattr(verdict, each) for each in told] if verdict else [None] * len(told)
                cells = [*of, name, value.mean, value.deviation, value.count, *said]
                writer.writerow([None if cell != cell else cell for cell in cells])  # noqa: PLR0124
    return text.getvalue()


def latex(comparison: Comparison) -> str:
    """Return a table for the package booktabs; bold is what a verdict shows to be better."""
    header, rows = comparison_rows(comparison)
    first = header.index("n")
    lines = [" & ".join(map(_escaped, header))]
    for arm, row in zip(comparison.arms, rows, strict=True):
        cells = [_escaped(cell) for cell in row]
        for column in range(first + 1, len(header)):
            verdict = arm.verdict(header[column])
            if verdict is not None and verdict.word in ("helps", "better"):
                cells[column] = rf"\textbf{{{cells[column]}}}"
        lines.append(" & ".join(cells))
    columns = "l" * first + "r" * (len(header) - first)
    head, *body = [rf"{line} \\" for line in lines]
    table = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([*table, r"\bottomrule", r"\end{tabular}"])


def _escaped(text: str) -> str:
    def escape(found: re.Match[str]) -> str:
        plain, backslash, accent, _ = found.groups()
        if plain:
            return f"\\{plain}"
        return r"\textbackslash{}" if backslash else f"\\{accent}{{}}" if accent else r"$\pm$"

    return _LATEX.sub(escape, text)


def comparison_object(comparison: Comparison, weights: str) -> dict[str, Any]:
    """Return a comparison as JSON can hold it."""
    return {
        "weights": weights,
        "groups": [
            {**asdict(arm), "n": len(arm.runs), "label": arm.label} for arm in comparison.arms
        ],
        "remarks": comparison.remarks,
        "meanings": comparison.meanings,
    }
