"""The figures of a page: each yields its drawings, and the table that says the same."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from mmbal.comparison.arms import statistic
from mmbal.comparison.statistics import LEVEL
from mmbal.comparison.tables import format_statistic
from mmbal.comparison.values import Arm
from mmbal.page.drawing import Drawing, Panel, legible, look
from mmbal.page.figure import Figure, mark
from mmbal.page.markup import table
from mmbal.page.matrices import confusions, reliability, subsets
from mmbal.page.shown import Course, Shown, epoch_course, speed_course
from mmbal.report.outcome import error_name, final_d_speed

_ACCURACIES = ("accuracy", "branch_accuracy", "slice_accuracy")


def interval(shown: Shown, arm: Arm, name: str) -> tuple[float, float]:
    """Return the 95 % interval of a share, within 0 and 1.

    Over seeds, by Student's t; of one run over test examples, by the normal distribution.
    """
    from scipy import stats

    found = arm.statistics[name]
    if found.count > 1:
        t = float(stats.t.ppf(1 - LEVEL / 2, found.count - 1))
        reach = t * found.deviation / math.sqrt(found.count)
    else:
        error = next(iter(shown.scores(arm, error_name(name)).values()), math.nan)
        reach = float(stats.norm.ppf(1 - LEVEL / 2)) * error
    if math.isnan(reach):
        return math.nan, math.nan
    return max(0.0, found.mean - reach), min(1.0, found.mean + reach)


def _spread(values: Iterable[float]) -> str:
    found = statistic([*values])
    return format_statistic(found, found.count)


def accuracies(shown: Shown) -> Figure | None:
    """Return accuracies on test, fused and of branches."""
    names = dict.fromkeys(
        name
        for arm in shown.arms
        for name, value in arm.statistics.items()
        if name.split("/")[0] in _ACCURACIES and value.count
    )
    drawings, rows = [], []
    for name in names:
        arms = [arm for arm in shown.arms if (s := arm.statistics.get(name)) and s.count]
        paint = partial(_paint_intervals, shown, name, arms)
        drawings.append(Drawing(f"{name}, test", paint, 0.8 + 0.42 * len(arms)))
        for arm in arms:
            ends = interval(shown, arm, name)
            numbers = [arm.statistics[name].mean, *ends]
            told = ["-" if math.isnan(number) else f"{number:.3f}" for number in numbers]
            rows.append([arm.label, name, str(arm.statistics[name].count), *told])
    if not drawings:
        return None
    caption = (
        "Marks are means over seeds, bars their 95 % intervals (Student's t, cut off at 0 and 1; "
        "of a single run, over test examples), small dots single runs. Whether arms differ is "
        "told by the verdicts, which compare seed by seed, not by whether bars overlap."
    )
    header = ["arm", "score", "runs", "mean", "from", "to"]
    return Figure("Accuracies", caption, drawings, table("Accuracies on test", header, rows))


def _paint_intervals(shown: Shown, name: str, arms: Sequence[Arm], panel: Panel) -> None:
    axis = panel.axes[0]
    axis.grid(axis="x")
    for row, arm in enumerate(arms):
        place = shown.arms.index(arm)
        colour, _, _ = look(place)
        low, high = interval(shown, arm, name)
        mean, count = arm.statistics[name].mean, arm.statistics[name].count
        axis.plot([low, high], [row, row], color=colour, linewidth=2)
        for run, value in shown.scores(arm, name).items() if count > 1 else ():
            (dot,) = axis.plot(value, row + 0.22, "o", color=colour, alpha=0.5, markersize=3)
            panel.tell(dot, f"{run}: {value:.3f}")
        told = "" if math.isnan(low) else f", {low:.3f} to {high:.3f}"
        mark(panel, axis, (mean, row), place, f"{arm.label}: {mean:.3f}{told}, runs: {count}")
        axis.text(0, row - 0.3, legible(arm.label), transform=axis.get_yaxis_transform(),
                  va="center", fontsize=8)  # fmt: skip
    axis.set(yticks=[], ylim=(len(arms) - 0.5, -0.6))
    axis.margins(x=0.1)


def training(shown: Shown) -> Figure | None:
    """Return loss and accuracy by epoch."""
    kinds = {"training loss": ("train", "loss"), "validation accuracy": ("validation", "accuracy")}
    courses = {
        name: [(arm, epoch_course(shown.runs(arm).values(), *kind)) for arm in shown.arms]
        for name, kind in kinds.items()
    }
    caption = "After every epoch. Losses of strategies that add to them do not compare."
    return _curves(shown, ("Training", "by epoch", "epoch"), courses, caption)


def speeds(shown: Shown) -> Figure | None:
    """Return learning speeds over training, with the windows in which branches are isolated."""
    courses: dict[str, list[tuple[Arm, Course | None]]] = {}
    for arm in shown.arms:
        runs = [] if arm.control else [*shown.runs(arm).values()]
        for modality in runs[0].modalities if runs else ():
            name = f"learning speed, {modality}"
            courses.setdefault(name, []).append((arm, speed_course(runs, modality)))
    caption = (
        "Conditional learning speeds, natural logarithm. Below, the share of steps that isolate "
        "the modality, which are the windows of re-balancing."
    )
    return _curves(shown, ("Learning speeds", "by step", "step"), courses, caption)


def _curves(
    shown: Shown,
    words: tuple[str, str, str],
    courses: Mapping[str, Sequence[tuple[Arm, Course | None]]],
    caption: str,
) -> Figure | None:
    """Return curves of arms, a drawing for each name; `words`: heading, of the table, of axes."""
    (title, by, along), drawings, rows, drawn = words, [], [], []
    for name, told in courses.items():
        found = [(arm, each) for arm, each in told if each is not None]
        if not found:
            continue
        windows = any(each.isolated.any() for _, each in found)
        paint = partial(_paint_courses, shown, along, found)
        shape: tuple[float, Sequence[int]] = (3.8, (4, 1)) if windows else (3.1, (1,))
        drawings.append(Drawing(f"{name[0].upper()}{name[1:]}", paint, *shape))
        for arm, each in found:
            drawn += [arm] if arm not in drawn else []
            places = np.linspace(0, len(each.places) - 1, 5).round().astype(int)[1:]
            share = f"{each.isolated.mean():.1%}" if each.isolated.size else "-"
            rows.append([arm.label, name, *(_spread(each.values[:, k]) for k in places), share])
    if not drawings:
        return None
    header = ["arm", "curve", *(f"at {k} %" for k in (25, 50, 75, 100)), "isolated"]
    if not any(each.isolated.size for told in courses.values() for _, each in told if each):
        header, rows = header[:-1], [row[:-1] for row in rows]
    caption = f"{caption} Lines are means over seeds, bands one standard deviation to either side."
    return Figure(title, caption, drawings, table(f"{title}, {by}", header, rows), drawn)


def _paint_courses(
    shown: Shown, along: str, found: Sequence[tuple[Arm, Course]], panel: Panel
) -> None:
    above, *below = panel.axes
    above.grid(axis="y")
    for arm, each in found:
        place = shown.arms.index(arm)
        colour, line, _ = look(place)
        mean = each.values.mean(axis=0)
        if len(each.values) > 1:
            deviation = each.values.std(axis=0, ddof=1)
            low, high = mean - deviation, mean + deviation
            above.fill_between(each.places, low, high, color=colour, alpha=0.18, linewidth=0)
        (curve,) = above.plot(each.places, mean, line, color=colour)
        panel.tell(curve, arm.label)
        for k in np.unique(np.linspace(0, len(mean) - 1, 9).round().astype(int)):
            told = f"{arm.label}, {along} {each.places[k]}: {mean[k]:+.3f}"
            mark(panel, above, (each.places[k], mean[k]), place, told)
        for axis in below:
            bars = axis.stairs(each.isolated, each.edges, fill=True, color=colour, alpha=0.45)
            panel.tell(bars, f"{arm.label}: isolated in {each.isolated.mean():.1%}")
    for axis in below:
        axis.set(ylabel="isolated", ylim=(0, 1.02), yticks=[0, 1], yticklabels=["0", "1"])
    panel.axes[-1].set_xlabel(along)
    panel.axes[-1].locator_params(axis="x", integer=True)


def imbalance(shown: Shown) -> Figure | None:
    """Return imbalance of utilization against that of speed."""
    points: dict[int, list[tuple[str, float, float]]] = {}
    for place, arm in enumerate(shown.arms):
        utilization = shown.scores(arm, "d_util")
        for run, record in shown.runs(arm).items():
            speed = final_d_speed(record)
            if run in utilization and speed is not None and math.isfinite(speed):
                points.setdefault(place, []).append((run, speed, utilization[run]))
    if not points:
        return None

    def paint(panel: Panel) -> None:
        axis = panel.axes[0]
        axis.set(xlabel="d_speed (natural log)", ylabel="d_util, test")
        axis.axhline(0, color=panel.faint, linewidth=1)
        axis.axvline(0, color=panel.faint, linewidth=1)
        axis.locator_params(nbins=6)
        for place, runs in points.items():
            for run, speed, used in runs:
                name = f"{shown.arms[place].label}, {run}"
                told = f"{name}: d_speed {speed:+.3f}, d_util {used:+.3f}"
                mark(panel, axis, (speed, used), place, told)

    rows = []
    for place, runs in points.items():
        _, *columns = zip(*runs, strict=True)
        rows.append([shown.arms[place].label, str(len(runs)), *map(_spread, columns)])
    found = table("Imbalance", ["arm", "runs", "d_speed", "d_util"], rows)
    drawing, arms = Drawing("d_util against d_speed", paint, 3.4), [shown.arms[k] for k in points]
    caption = (
        "One mark a run: imbalance of learning speeds after the last step, and of utilization on "
        "test. Speeds of strategies that isolate branches do not compare with those of others."
    )
    return Figure("Imbalance: utilization and speed", caption, [drawing], found, arms)


FIGURES: tuple[Callable[[Shown], Figure | None], ...] = (
    accuracies, training, speeds, imbalance, subsets, confusions, reliability,
)  # fmt: skip
