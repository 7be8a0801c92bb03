"""What linear probes read, worked by hand."""

import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation import linear_fit, linear_probe
from mmbal.evaluation.linear_probe import LinearProbe, fitted_probe

SLICES = {
    "a": np.array([[1.0], [1.5], [2.0], [2.5], [3.0], [3.5]]),
    "b": np.array([[-3.0], [-2.5], [-1.2], [-1.8], [-1.0], [-0.5]]),
}


def context(given, columns=SLICES, labels=(0, 0, 0, 1, 1, 1), splits=("train", "validation")):
    splits = (*splits, "test")
    return given(
        dict.fromkeys(splits, labels),
        columns=dict.fromkeys(splits, columns),
        modalities=tuple(columns),
    )


def test_slices_are_read_by_probes(given):
    scores = {score.name: score for score in LinearProbe()(context(given))}

    assert [*scores] == [
        f"{score}/{features}"
        for features in ("a", "b", "a+b")
        for score in (
            "probe_accuracy", "probe_nll", "subset_accuracy@refit", "subset_nll@refit",
            "probe_lambda", "probe_at_border",
        )
    ]  # fmt: skip
    assert scores["probe_accuracy/a"].value == 1
    assert scores["probe_accuracy/b"].value == pytest.approx(2 / 3)
    assert scores["probe_accuracy/b"].error == pytest.approx(math.sqrt(2 / 9 / 6))
    assert scores["subset_accuracy@refit/b"][1:3] == scores["probe_accuracy/b"][1:3]
    # What can be told apart is told apart best with the weakest penalty.
    assert (scores["probe_lambda/a"].value, scores["probe_at_border/a"].value) == (1e-6, 1)
    assert scores["probe_lambda/a"].error is None
    assert [name for name, score in scores.items() if score.headline] == [
        "probe_accuracy/a", "probe_accuracy/b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "modalities", "probed"),
    [
        (["singles"], "abc", "a b c"),
        (["pairs"], "abc", "a+b a+c b+c"),
        (["all"], "abc", "a+b+c"),
        (["singles", "pairs", "all"], "abc", "a b c a+b a+c b+c a+b+c"),
        (["pairs", "all"], "ab", "a+b"),
        (["singles", "pairs", "all"], "a", "a"),
    ],
)
def test_what_is_probed(given, of, modalities, probed):
    columns = {m: np.arange(6.0)[:, None] for m in modalities}
    names = [score.name for score in LinearProbe(of=of)(context(given, columns))]
    assert [name.split("/")[1] for name in names[::6]] == probed.split()


def test_remarks_name_the_features(given):
    one = context(given, {"b": SLICES["b"]}, labels=(1,) * 6)
    with pytest.warns(UserWarning, match="linear probe of b: training has class 1 alone"):
        scores = {score.name: score.value for score in LinearProbe()(one)}
    assert scores["probe_accuracy/b"] == 1
    assert scores["probe_at_border/b"] == 0


def test_one_scored_example_has_no_error(given):
    several = context(given)
    several.labels["test"] = [1]
    several.columns["test"] = {m: columns[-1:] for m, columns in SLICES.items()}
    score = next(iter(LinearProbe()(several)))
    assert score[:2] == ("probe_accuracy/a", 1)
    assert math.isnan(score.error)


@pytest.mark.parametrize("refits", [1, 5])
def test_refits(given, drawn, refits):
    examples = given(
        {split: each.labels for split, each in zip(("train", "test"), drawn, strict=True)},
        columns={s: {"a": e.features} for s, e in zip(("train", "test"), drawn, strict=True)},
        modalities=("a",),
        classes=3,
    )
    examples.labels["validation"] = examples.labels["test"]
    examples.columns["validation"] = examples.columns["test"]
    first, second = (
        {score.name: score.value for score in LinearProbe(refits=refits)(examples)}
        for _ in range(2)
    )

    spread = first["probe_refit_deviation/a"]
    assert math.isnan(spread) if refits == 1 else 0 < spread < 0.05
    assert second["probe_refit_deviation/a"] == pytest.approx(spread, nan_ok=True)
    assert "probe_refit_deviation/a" not in [s.name for s in LinearProbe()(examples)]


def test_memory_is_an_option(given, monkeypatch):
    monkeypatch.setattr(linear_fit, "_in_memory", None)
    assert next(iter(LinearProbe(memory=1e-9)(context(given)))).value == 1


def test_a_probe_is_fitted_once_for_all_that_read_it(given, monkeypatch):
    made = context(given)
    scores = [*LinearProbe(of=["singles"])(made)]
    fit = fitted_probe(made, ("a",))
    monkeypatch.setattr(linear_probe, "fit_linear_probe", None)
    assert fitted_probe(made, ("a",)) is fit
    assert [*LinearProbe(of=["singles"])(made)] == scores


def test_without_validation_it_says_so(given):
    with pytest.raises(
        MmbalError, match="chooses its penalty on validation examples, and there are none"
    ):
        next(iter(LinearProbe()(context(given, splits=("train",)))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ["single"]}, r"'singles', 'pairs' or 'all'.*did you mean 'singles'\?"),
        ({"refits": -1}, "refits must be greater than or equal to 0, received -1"),
        ({"memory": 0}, "memory must be greater than 0, received 0"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(MmbalError, match=message):
        LinearProbe(**options)
