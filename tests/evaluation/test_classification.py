"""Recall, F1, areas and confusions by hand."""

import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation.classification import Classification
from mmbal.evaluation.names import ScoreName
from mmbal.evaluation.results import Score, Table

NAN = math.nan
FUSED = {
    "balanced_accuracy", "macro_f1", "weighted_f1", "roc_auc", "average_precision",
}  # fmt: skip


def parted(yielded):
    """Return scores and tables by name."""
    yielded = list(yielded)
    scores = {each.name: each for each in yielded if isinstance(each, Score)}
    tables = {each.name: each for each in yielded if isinstance(each, Table)}
    assert len(scores) + len(tables) == len(yielded)
    return scores, tables


def sure(classes, *predicted):
    """Return logits that predict classes."""
    return np.eye(classes)[list(predicted)]


def fused(context, **options):
    return parted(Classification(of=["fused"], **options)(context))


def test_a_class_without_examples_is_left_out_with_a_remark(given):
    context = given({"test": [0, 0, 1]}, sure(3, 0, 1, 2), classes=3)

    with pytest.warns(UserWarning, match="test has no example of 2: what depends on one is NaN"):
        scores, tables = fused(context)

    assert tables["recall_by_class"].values == pytest.approx(np.array([[0.5, 0, NAN]]), nan_ok=True)
    assert scores["balanced_accuracy"].value == 0.25
    assert math.isnan(scores["balanced_accuracy"].error)  # class 1 has one example
    assert scores["macro_f1"].value == pytest.approx(1 / 3)  # 2/3 and 0
    assert scores["weighted_f1"].value == pytest.approx(4 / 9)  # 2/3, 2/3, 0
    # By class 0, the first example lies above the last, the second ties with it; by class 1 the
    # last ties with the first and lies below the second.
    assert tables["roc_auc_by_class"].values == pytest.approx(
        np.array([[0.75, 0.25, NAN]]), nan_ok=True
    )
    assert tables["average_precision_by_class"].values == pytest.approx(
        np.array([[5 / 6, 1 / 3, NAN]]), nan_ok=True
    )
    assert scores["roc_auc"].value == pytest.approx(0.5)
    assert scores["average_precision"].value == pytest.approx(7 / 12)


def test_areas_of_two_classes(given):
    difference = np.array([0.1, 0.4, 0.35, 0.8])
    logits = np.stack([np.zeros(4), difference], axis=1)

    scores, tables = fused(given({"test": [0, 0, 1, 1]}, logits))

    # Of four pairs, the second 0 lies above the first 1. Precision 1 and 2/3 at the two of each.
    assert tables["roc_auc_by_class"].values[0] == pytest.approx([0.75, 0.75])
    assert tables["average_precision_by_class"].values[0] == pytest.approx([5 / 6, 5 / 6])
    assert scores["roc_auc"] == ("roc_auc", pytest.approx(0.75), None, False)


def test_balanced_accuracy_has_the_error_of_its_recalls(given):
    labels = [0] * 4 + [1] * 4
    scores, tables = fused(given({"test": labels}, sure(2, 0, 0, 0, 1, 1, 1, 0, 0)))

    assert scores["balanced_accuracy"].value == 0.625
    error = math.sqrt(0.75 * 0.25 / 4 + 0.5 * 0.5 / 4) / 2
    assert scores["balanced_accuracy"].error == pytest.approx(error)
    assert tables["confusion_matrix"].values.tolist() == [[[3, 1], [2, 2]]]
    assert scores["macro_f1"].error is None
    assert {name for name, score in scores.items() if score.headline} == {
        "balanced_accuracy", "macro_f1",
    }  # fmt: skip


def test_logits_that_are_not_finite_are_wrong_and_counted(given):
    logits = sure(2, 0, 1, 1)
    logits[0] = NAN
    scores, tables = fused(given({"test": [0, 1, 1]}, logits))

    assert tables["recall_by_class"].values.tolist() == [[0, 1]]
    assert tables["confusion_matrix"].values.tolist() == [[[0, 0], [0, 2]]]
    assert math.isnan(scores["roc_auc"].value)
    assert math.isnan(scores["average_precision"].value)
    assert scores["nonfinite_logits"].value == 1


def test_one_class_has_nothing_to_be_ranked_against(given):
    context = given({"test": [1, 1]}, sure(2, 1, 0))

    context.class_names = ("zero", "one")
    with pytest.warns(UserWarning, match="no example of zero"):
        scores, _ = fused(context)

    assert scores["balanced_accuracy"].value == 0.5
    assert math.isnan(scores["roc_auc"].value)
    assert scores["average_precision"].value == 1


def test_one_example_has_no_error(given):
    with pytest.warns(UserWarning, match="no example of 1"):
        scores, _ = fused(given({"test": [0]}, [[1.0, 0.0]]))
    assert math.isnan(scores["balanced_accuracy"].error)


def test_top_k_takes_the_first_of_equal_logits(given):
    logits = [[0, 0, 0], [0, 0, 0], [1, 3, 2], [1, 3, 2], [NAN, 1, 2]]
    scores, _ = fused(given({"test": [1, 2, 2, 0, 2]}, logits, classes=3), top_k=2)

    assert scores["top2_accuracy"].value == pytest.approx(0.4)  # right, wrong, right, wrong, wrong
    assert scores["top2_accuracy"].error == pytest.approx(math.sqrt(0.4 * 0.6 / 5))


@pytest.mark.parametrize(("classes", "there"), [(5, False), (6, True)])
def test_top_5_of_five_is_always_right(given, classes, there):
    labels = [*range(classes)]
    scores, _ = fused(given({"test": labels}, sure(classes, *labels), classes=classes))
    assert ("top5_accuracy" in scores) is there


@pytest.mark.parametrize("kind", ["branch", "slice"])
def test_modalities_say_what_their_predictions_are(given, kind):
    unimodal = {"a": sure(2, 0, 1), "b": sure(2, 1, 1)}
    context = given({"test": [0, 1]}, sure(2, 0, 1), unimodal, unimodal_kind=kind)
    context.class_names = ("zero", "one")

    scores, tables = parted(Classification()(context))

    assert {*scores} == FUSED | {f"{kind}_{score}/{m}" for score in FUSED for m in "ab"}
    assert scores["balanced_accuracy"].value == scores[f"{kind}_balanced_accuracy/a"].value == 1
    assert scores[f"{kind}_balanced_accuracy/b"].value == 0.5
    assert not scores[f"{kind}_balanced_accuracy/a"].headline
    assert [name for name in scores if str(ScoreName.parse(name, "ab")) != name] == []
    assert {ScoreName.parse(name, "ab").score for name in scores} <= {*Classification.meanings}
    axes = {"prediction": ("fused", f"{kind}/a", f"{kind}/b"), "class": ("zero", "one")}
    assert tables["recall_by_class"].axes == axes
    assert tables["confusion_matrix"].axes == {**axes, "predicted": ("zero", "one")}
    assert all(
        table.values.shape == tuple(map(len, table.axes.values())) and table.description
        for table in tables.values()
    )


def test_subsets_on_request_are_means_over_draws(given):
    subsets = {
        (("a",), "marginal"): [sure(2, 0, 1), sure(2, 1, 1)],
        (("b",), "marginal"): [sure(2, 1, 0), [[NAN, 0], [0, 1]]],
    }
    context = given({"test": [0, 1]}, sure(2, 0, 1), subsets=subsets)

    scores, tables = parted(Classification(of=["subsets"], absences=["marginal"])(context))

    assert scores["subset_balanced_accuracy@marginal/a"].value == 0.75
    assert scores["subset_balanced_accuracy@marginal/b"].value == 0.25
    assert scores["subset_nonfinite_logits@marginal/b"].value == 1
    assert tables["recall_by_class"].axes["prediction"] == (
        "subset@marginal/a", "subset@marginal/b",
    )  # fmt: skip
    assert tables["confusion_matrix"].values[0].tolist() == [[0.5, 0.5], [0, 1]]


def test_the_subset_of_one_modality_is_all(given):
    subsets = {(("a",), "mean"): [sure(2, 0, 1)]}
    context = given({"test": [0, 1]}, sure(2, 0, 1), subsets=subsets, modalities=("a",))

    scores, _ = parted(Classification(of=["subsets"])(context))

    assert scores["subset_balanced_accuracy@mean/a"].value == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ["fuse"]}, r"'fused', 'modalities' or 'subsets'.*did you mean 'fused'\?"),
        ({"of": []}, "at least 1"),
        ({"of": ["fused", "fused"]}, "each may be named once, received"),
        ({"top_k": 1}, "top_k must be greater than or equal to 2, received 1"),
        ({"absences": ["none"]}, "'zero', 'mean' or 'marginal'"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(MmbalError, match=message):
        Classification(**options)
