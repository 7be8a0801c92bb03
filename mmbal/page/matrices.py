"""Figures of what evaluations left as tables: subsets of modalities, confusions, reliability."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from mmbal.page.drawing import Drawing, Panel, heat_map, look
from mmbal.page.figure import Figure, mark
from mmbal.page.markup import joined, table
from mmbal.page.shown import Shown
from mmbal.report.tables import numbers_along_axes

MOST_CLASSES, CONFUSED = 30, 20
"""Of more classes, the table tells only the commonest confusions, so many."""


def subsets(shown: Shown) -> Figure | None:
    """Return accuracies where only some modalities are present."""
    found = list(shown.tables("subset_accuracy", "absence", "modalities"))
    if not found:
        return None
    defined = np.concatenate([values[np.isfinite(values)] for _, _, values in found])
    bounds = (float(defined.min()), float(defined.max())) if defined.size else (0.0, 1.0)
    drawings, tables = [], []
    for arm, axes, values in found:
        absence, modalities = axes.items()
        paint = partial(heat_map, values=values.T, names=(modalities[1], absence[1]), bounds=bounds)
        drawings.append(Drawing(f"Subsets, {arm.label}", paint, 1.1 + 0.3 * len(modalities[1])))
        header, rows = numbers_along_axes(dict((modalities, absence)), values.T)
        tables.append(table(f"Accuracy by subset, {arm.label}", header, rows))
    caption = "Accuracy where only these modalities are present, by what stands for absent ones."
    return Figure("Subsets of modalities", caption, drawings, joined(tables))


def confusions(shown: Shown) -> Figure | None:
    """Return what classes are taken for, of the fused prediction."""
    drawings, tables = [], []
    for arm, axes, values in shown.tables("confusion_matrix", "prediction", "class", "predicted"):
        classes, counts = axes["class"], values[0]
        shares = counts / np.maximum(np.nansum(counts, axis=1, keepdims=True), 1)
        paint = partial(heat_map, values=shares, names=(classes, axes["predicted"]), bounds=(0, 1))
        drawings.append(Drawing(f"Confusions, {arm.label}", paint, 3.9))
        if len(classes) <= MOST_CLASSES:
            sides = {"class": classes, "predicted": axes["predicted"]}
            header, rows = numbers_along_axes(sides, counts)
        else:
            header, rows = ["class", "predicted", "examples"], _commonest(classes, counts)
        tables.append(table(f"Confusions, {arm.label}", header, rows))
    if not drawings:
        return None
    caption = (
        "Share of the test examples of a class (row) that is predicted to be of another (column), "
        "fused; in tables, numbers of examples. Both are means over seeds."
    )
    return Figure("Confusions", caption, drawings, joined(tables))


def _commonest(classes: Sequence[str], counts: np.ndarray) -> list[list[str]]:
    wrong = np.nan_to_num(counts * (1 - np.eye(len(classes))))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]
    places = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [[classes[a], classes[b], f"{wrong[a, b]:.4g}"] for a, b in places if wrong[a, b]]


def reliability(shown: Shown) -> Figure | None:
    """Return how confidence fits accuracy, where it is recorded (mmbal-measures)."""
    curves, rows = [], []
    for arm, axes, values in shown.tables("reliability", "bins", "bin", "of"):
        if not {"confidence", "accuracy"} <= {*axes["of"]}:
            continue
        kind = axes["bins"].index("mass") if "mass" in axes["bins"] else 0
        column = [axes["of"].index(name) for name in ("confidence", "accuracy")]
        sure, right = values[kind][:, column].T
        curves.append((arm, sure, right))
        rows += [
            [arm.label, str(k + 1), f"{sure[k]:.3f}", f"{right[k]:.3f}"]
            for k in range(len(sure))
            if np.isfinite(sure[k])
        ]
    if not curves:
        return None

    def paint(panel: Panel) -> None:
        axis = panel.axes[0]
        axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        axis.plot([0, 1], [0, 1], color=panel.ink, linewidth=0.8)
        for arm, sure, right in curves:
            place = shown.arms.index(arm)
            colour, line, _ = look(place)
            axis.plot(sure, right, line, color=colour)
            for a, b in zip(sure, right, strict=True):
                told = f"{arm.label}: confidence {a:.3f}, accuracy {b:.3f}"
                mark(panel, axis, (a, b), place, told)

    told = table("Reliability by bin", ["arm", "bin", "confidence", "accuracy"], rows)
    drawing, arms = Drawing("Reliability", paint, 4.2), [arm for arm, _, _ in curves]
    caption = "Mean confidence and accuracy by bin of examples: below the line, too sure."
    return Figure("Reliability", caption, [drawing], told, arms)
