"""Training curves and utilization of a run as a figure (needs the extra `plot`)."""

import io
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mmbal.errors import MmbalError
from mmbal.files.atomic import replace_file
from mmbal.records.record import Record
from mmbal.report.outcome import by_modality, error_name, headlines, selected_epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")

# Okabe and Ito's colours can be told apart by most colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_FUSED, _GRID, _TEXT = "#222222", "#e4e4e4", "#555555"

_STYLE: dict[Any, Any] = {
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
    "lines.linewidth": 1.6,
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


def save_curves(run: str, record: Record, path: Path) -> None:
    """Draw a run and write the figure; the suffix of `path` gives the format.

    Args:
        run: its name, above it.
        record: of the run.
        path: the file; see `check_format`.

    Raises:
        MmbalError: matplotlib is absent, or the file cannot be written.
    """
    with house_style():
        save_figure(draw_curves(run, record), path)


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format that the suffix of `path` tells.

    Raises:
        MmbalError: the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    undated: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    image = io.BytesIO()
    figure.savefig(image, format=kind, dpi=150, metadata=undated.get(kind))
    replace_file(path, image.getvalue())


@contextmanager
def house_style(settings: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """Draw within as all figures are drawn, whatever matplotlib's user has set.

    Args:
        settings: of matplotlib, over those of the house.

    Raises:
        MmbalError: matplotlib is absent.
    """
    mpl = _matplotlib()
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that no font has
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | dict(settings))
        yield


def _matplotlib() -> Any:
    """Import matplotlib as if the user had set nothing: its import fails where that is faulty."""
    before = dict(os.environ)
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MmbalError(
            f"drawing needs matplotlib: pip install 'mmbal[plot]' ({error})"
        ) from error
    finally:
        for name in ("MPLBACKEND", "MATPLOTLIBRC"):
            os.environ.pop(name)
            os.environ |= {name: before[name]} if name in before else {}
    return mpl


def draw_curves(run: str, record: Record) -> "Figure":
    """Return a figure of panels in pairs: loss, accuracy, learning speed, utilization, scores.

    Scores are there where evaluations have some to show beside accuracy and utilization.
    """
    from matplotlib.figure import Figure

    panels = [_draw_loss, _draw_accuracy, _draw_speed, _draw_utilization]
    panels += [_draw_scores] if _further_scores(record) else []
    rows = -(-len(panels) // 2)
    # Made without pyplot: no window system is asked for and no state is kept.
    figure = Figure(figsize=(12, 3.3 * rows + 0.4), layout="constrained")
    figure.suptitle(
        _escape(f"{run}: {record.recipe}, {record.strategy}, seed {record.seed}"),
        x=0.01, ha="left", fontsize=11.5, color=_FUSED,
    )  # fmt: skip
    axes = figure.subplots(rows, 2).ravel()
    for axis, draw in zip(axes, panels, strict=False):
        axis.grid(axis="y", color=_GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        draw(axis, record)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    return figure


def _draw_loss(axis: "Axes", record: Record) -> None:
    steps = record.history.steps
    axis.set(title="Training loss", xlabel="step", ylabel="nats, sum over branches")
    axis.plot(steps.index, steps.loss, color=_FUSED, alpha=0.25, linewidth=0.8)
    width = max(1, len(steps.loss) // 50)
    label = f"mean of {width} steps" if width > 1 else "loss"
    axis.plot(steps.index, _running_mean(steps.loss, width), color=_FUSED, label=label)
    _legend(axis, empty=not steps.loss.size)


def _draw_accuracy(axis: "Axes", record: Record) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = record.history.epochs
    axis.set(title="Validation accuracy", xlabel="epoch")
    marker = "o" if len(epochs.index) <= 20 else ""
    kinds = ("branch_accuracy", "slice_accuracy", "accuracy")
    branches = [
        (f"{name} ({kind.removesuffix('_accuracy')})", f"{kind}/{name}", colour)
        for kind in kinds
        for name, colour in _colours(record)
    ]
    for label, score, colour in [("fused", "accuracy", _FUSED), *branches]:
        if score in epochs.validation:
            axis.plot(
                epochs.index + 1, epochs.validation[score], color=colour, marker=marker,
                markersize=3, label=_escape(label),
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
    axis.set(title="Conditional learning speed", xlabel="step", ylabel="natural log")
    for branch, (name, colour) in enumerate(_colours(record)):
        axis.plot(steps.index, steps.learning_speed[:, branch], color=colour, label=_escape(name))
    axis.plot(steps.index, steps.d_speed, color=_TEXT, linestyle="--", linewidth=1, label="d_speed")
    for branch, (name, colour) in enumerate(_colours(record)):
        isolated = steps.isolated == branch
        if isolated.any():
            # From half a step before each isolated step to half a step after it.
            borders = np.append(steps.index, steps.index[-1] + 1) - 0.5
            axis.fill_between(
                borders, np.append(isolated, 0), step="post", color=colour, alpha=0.2,
                linewidth=0, transform=axis.get_xaxis_transform(), zorder=0,
                label=_escape(f"{name} isolated"),
            )  # fmt: skip
    _legend(axis, empty=not np.isfinite(steps.learning_speed).any())


def _draw_utilization(axis: "Axes", record: Record) -> None:
    axis.set_title("Conditional utilization rate, test")
    utilization = by_modality(record, record.scores.get(("test", "selected"), {}), "utilization")
    for place, (name, colour) in enumerate(_colours(record)):
        if np.isfinite(utilization.get(name, np.nan)):
            bars = axis.bar(place, utilization[name], width=0.5, color=colour)
            axis.bar_label(bars, fmt="%.3f", padding=3)
    axis.set_xticks(range(len(record.modalities)), [_escape(name) for name in record.modalities])
    axis.set_xlim(-0.75, len(record.modalities) - 0.25)
    axis.margins(y=0.12)
    if utilization:
        axis.axhline(0, color="#999999", linewidth=0.8)
    else:
        _say_empty(axis)


def _further_scores(record: Record) -> list[str]:
    """Return the headline scores that no other panel shows."""
    others = ("accuracy", "branch_accuracy/", "slice_accuracy/", "utilization/", "d_util")
    return [name for name in headlines(record) if not name.startswith(others)]


def _draw_scores(axis: "Axes", record: Record) -> None:
    axis.set_title("Scores, test, with standard errors")
    scores = record.scores.get(("test", "selected"), {})
    names = [name for name in _further_scores(record) if np.isfinite(scores.get(name, np.nan))]
    for place, name in enumerate(names):
        error = scores.get(error_name(name), np.nan)
        bars = axis.barh(place, scores[name], height=0.6, xerr=error, color=COLOURS[0])
        axis.bar_label(bars, fmt="%.3f", padding=3)
    axis.set_yticks(range(len(names)), [_escape(name) for name in names])
    axis.invert_yaxis()
    axis.margins(x=0.15)
    if not names:
        _say_empty(axis)


def _colours(record: Record) -> Iterator[tuple[str, str]]:
    """Yield each branch and its colour."""
    return zip(record.modalities, cycle(COLOURS), strict=False)


def _running_mean(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Return the mean of the last `width` values up to each, without those that are NaN."""
    defined = np.isfinite(values)
    sums, counts = np.cumsum(np.where(defined, values, 0.0)), np.cumsum(defined)
    sums[width:] -= sums[:-width].copy()
    counts[width:] -= counts[:-width].copy()
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _legend(axis: "Axes", *, empty: bool) -> None:
    if empty:
        _say_empty(axis)
    else:
        # Beside the curves, where it covers none.
        axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _say_empty(axis: "Axes") -> None:
    axis.set_yticks([])
    axis.text(0.5, 0.5, "not recorded", transform=axis.transAxes, ha="center", color=_TEXT)


def _escape(name: str) -> str:
    """Keep a name from being read as a formula, or as hidden from the legend."""
    shown = name.replace("$", r"\$")
    return "\u200b" + shown if shown.startswith("_") else shown
