"""Training curves and utilization of runs as a figure (needs the extra `plot`)."""

import io
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmbal.errors import MmbalError
from mmbal.files.atomic import replace_file
from mmbal.records.record import Record
from mmbal.report.outcome import by_modality, outcome, selected_epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")

# Okabe and Ito's colours can be told apart by most colour-blind readers.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_FUSED, _GRID, _TEXT = "#222222", "#e4e4e4", "#555555"

_STYLE = {
    "axes.edgecolor": "#999999",
    "axes.labelcolor": _TEXT,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "font.size": 9,
    "legend.fontsize": 8.5,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "svg.hashsalt": "mmbal",  # the same record gives the same file
    "xtick.color": _TEXT,
    "ytick.color": _TEXT,
}


def check_format(path: Path) -> None:
    """Refuse a suffix that is none of the formats.

    Raises:
        MmbalError: naming the legal ones.
    """
    if path.suffix.lower() not in FORMATS:
        raise MmbalError(f"cannot draw {path}: the suffix must be one of {', '.join(FORMATS)}")


def save_curves(records: Mapping[str, Record], path: Path) -> None:
    """Draw runs and write the figure; the suffix of `path` gives the format.

    Args:
        records: by the name to print above each.
        path: the file.

    Raises:
        MmbalError: the suffix is not legal, matplotlib is absent, or the file cannot be
            written.
    """
    check_format(path)
    matplotlib = _matplotlib()
    kind = path.suffix.lower().removeprefix(".")
    undated: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    image = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure = draw_curves(records)
        figure.savefig(image, format=kind, dpi=150, metadata=undated.get(kind))
    replace_file(path, image.getvalue())


def draw_curves(records: Mapping[str, Record]) -> "Figure":
    """Return a figure of four panels per run: loss, accuracy, learning speed, utilization.

    One run fills a square of panels, several a row each.
    """
    _matplotlib()
    from matplotlib.figure import Figure

    columns = 2 if len(records) == 1 else 4
    rows = len(records) * 4 // columns
    # Made without pyplot: no window system is asked for and no state is kept.
    figure = Figure(figsize=(5.2 * columns, 3.3 * rows + 0.4 * len(records)), layout="constrained")
    parts = np.atleast_1d(np.asarray(figure.subfigures(len(records), 1)))
    panels = (_draw_loss, _draw_accuracy, _draw_speed, _draw_utilization)
    for part, (name, record) in zip(parts, records.items(), strict=True):
        part.suptitle(
            _escape(f"{name}: {record.recipe}, {record.strategy}, seed {record.seed}"),
            x=0.01, ha="left", fontsize=11.5, color=_FUSED,
        )  # fmt: skip
        axes = part.subplots(4 // columns, columns)
        for axis, draw in zip(axes.flat, panels, strict=True):
            axis.grid(axis="y", color=_GRID, linewidth=0.8)
            axis.set_axisbelow(True)
            draw(axis, record)
    return figure


def _draw_loss(axis: "Axes", record: Record) -> None:
    steps = record.history.steps
    axis.set_title("Training loss")
    axis.set_xlabel("step")
    axis.set_ylabel("nats, sum over branches")
    axis.plot(steps.index, steps.loss, color=_FUSED, alpha=0.25, linewidth=0.8)
    width = max(1, len(steps.loss) // 50)
    label = f"mean of {width} steps" if width > 1 else "loss"
    axis.plot(steps.index, _running_mean(steps.loss, width), color=_FUSED, label=label)
    _legend(axis, empty=not steps.loss.size)


def _draw_accuracy(axis: "Axes", record: Record) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = record.history.epochs
    axis.set_title("Validation accuracy")
    axis.set_xlabel("epoch")
    marker = "o" if len(epochs.index) <= 20 else ""
    for name, colour, width in _branches(record, fused=True):
        values = epochs.validation.get(f"accuracy/{name}" if name else "accuracy")
        if values is not None:
            axis.plot(
                epochs.index + 1, values, color=colour, linewidth=width, marker=marker,
                markersize=3, label=_escape(name or "fused"),
            )  # fmt: skip
    position = selected_epoch(epochs)
    if position is not None:
        axis.axvline(
            epochs.index[position] + 1, color=_TEXT, linestyle=":", linewidth=1, label="selected"
        )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axis, empty=not epochs.validation)


def _draw_speed(axis: "Axes", record: Record) -> None:
    steps = record.history.steps
    axis.set_title("Conditional learning speed")
    axis.set_xlabel("step")
    axis.set_ylabel("natural log")
    for branch, (name, colour, width) in enumerate(_branches(record)):
        speed = steps.learning_speed[:, branch]
        axis.plot(steps.index, speed, color=colour, linewidth=width, label=_escape(name))
    axis.plot(steps.index, steps.d_speed, color=_TEXT, linestyle="--", linewidth=1, label="d_speed")
    for branch, (name, colour, _) in enumerate(_branches(record)):
        isolated = steps.isolated == branch
        if isolated.any():
            starts, ends = _windows(steps.index, isolated)
            axis.broken_barh(
                list(zip(starts, ends - starts, strict=True)), (0, 1), color=colour, alpha=0.2,
                linewidth=0, transform=axis.get_xaxis_transform(), zorder=0,
                label=_escape(f"{name} isolated"),
            )  # fmt: skip
    _legend(axis, empty=not np.isfinite(steps.learning_speed).any())


def _draw_utilization(axis: "Axes", record: Record) -> None:
    axis.set_title("Conditional utilization rate, test")
    utilization = by_modality(record.scores.get(("test", "selected"), {}), "utilization")
    utilization = utilization or outcome(record, "").get("utilization") or {}
    for place, (name, colour, _) in enumerate(_branches(record)):
        value = utilization.get(name)
        if value is not None and np.isfinite(value):
            axis.bar(place, value, width=0.5, color=colour)
            axis.annotate(
                f"{value:.3f}", (place, value), xytext=(0, 3 if value >= 0 else -3),
                textcoords="offset points", ha="center", va="bottom" if value >= 0 else "top",
            )  # fmt: skip
    axis.set_xticks(range(len(record.modalities)), [_escape(name) for name in record.modalities])
    axis.set_xlim(-0.75, len(record.modalities) - 0.25)
    axis.margins(y=0.12)
    if utilization:
        axis.axhline(0, color="#999999", linewidth=0.8)
    else:
        _say_empty(axis)


def _branches(record: Record, *, fused: bool = False) -> list[tuple[str, str, float]]:
    """Return (name, colour, line width) of each branch, before them "" for the fusion."""
    branches = [
        (name, _COLOURS[place % len(_COLOURS)], 1.6) for place, name in enumerate(record.modalities)
    ]
    return [("", _FUSED, 2.2), *branches] if fused else branches


def _windows(
    index: npt.NDArray[np.int64], inside: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return first and last border of each run of true values, half a step around them."""
    edges = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    borders = index.astype(np.float64)
    return borders[np.flatnonzero(edges == 1)] - 0.5, borders[np.flatnonzero(edges == -1) - 1] + 0.5


def _running_mean(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the mean of the last `width` values up to each, without those that are NaN."""
    defined = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(defined, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(defined)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    counted = counts[ends] - counts[starts]
    means = (sums[ends] - sums[starts]) / np.maximum(counted, 1)
    return np.where(counted > 0, means, np.nan)


def _legend(axis: "Axes", *, empty: bool) -> None:
    if empty:
        _say_empty(axis)
    else:
        axis.legend(loc="best")


def _say_empty(axis: "Axes") -> None:
    axis.set_yticks([])
    axis.text(0.5, 0.5, "not recorded", transform=axis.transAxes, ha="center", color=_TEXT)


def _escape(name: str) -> str:
    """Keep a name from being read as a formula, or as hidden from the legend."""
    shown = name.replace("$", r"\$")
    return "\u200b" + shown if shown.startswith("_") else shown


def _matplotlib() -> Any:
    try:
        return import_module("matplotlib")
    except ImportError as error:
        raise MmbalError(
            f"drawing needs matplotlib: pip install 'mmbal[plot]' ({error})"
        ) from error
