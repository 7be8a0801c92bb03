"""What `calibration` yields of a few examples; its parts have tests of their own."""

import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal_measures import Calibration
from mmbal_measures.reliability import COLUMNS

NAN = math.nan
LOGITS = np.array([[2.0, 0, 0], [0, 3, 0], [0, 0, 1], [4, 0, 0], [0, 2, 0]])
LABELS = np.array([0, 1, 2, 1, 0])


def alone(told, logits=LOGITS, labels=LABELS, **more):
    return told(labels, logits, modalities=("a",), **more)


def test_scores_of_five_examples(told, scored):
    found = scored(Calibration(bins=5), alone(told, validation=(LABELS, LOGITS)))
    assert found["nll"].value == pytest.approx(1.432, abs=5e-4)
    # Squared distances of softmax(LOGITS) from the labels.
    chances = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    squares = ((chances - np.eye(3)[LABELS]) ** 2).sum(axis=1)
    assert found["brier"][1:3] == pytest.approx((squares.mean(), squares.std(ddof=1) / 5**0.5))
    confidence, hits = chances.max(axis=1), np.array([1, 1, 1, 0, 0])
    # Of equal numbers: one example a bin.
    assert found["ece_mass"].value == pytest.approx(np.abs(confidence - hits).mean())
    floor = math.sqrt(2 / math.pi) * np.sqrt(confidence * (1 - confidence)).mean()
    assert found["ece_mass_floor"].value == pytest.approx(floor)
    assert found["ece_squared"].value == 0  # no bin has two
    # Of equal width: .576, then .787 and .787, then .909 and .965.
    means = [(confidence[2] - 1), 2 * (confidence[0] - 0.5), confidence[1] + confidence[3] - 1]
    assert found["ece_width"].value == pytest.approx(np.abs(means).sum() / 5)
    assert found["temperature"].value == pytest.approx(4.089, abs=5e-4)
    assert found["temperature_at_bound"].value == 0
    assert found["nll_scaled"].value == pytest.approx(1.049, abs=5e-4)
    assert found["ece_mass_scaled"].value != found["ece_mass"].value
    assert [name for name, score in found.items() if getattr(score, "headline", False)] == [
        "nll", "ece_mass",
    ]  # fmt: skip


def test_the_curve_is_a_table(told, scored):
    table = scored(Calibration(bins=2), alone(told))["reliability"]
    assert table.axes == {"bins": ("width", "mass"), "bin": ("1", "2"), "of": COLUMNS}
    assert table.values[0, :, 0].tolist() == [0, 5]
    assert table.values[1, :, 0].tolist() == [3, 2]


def test_the_temperature_is_that_of_validation(told, scored):
    # All right there, so that it cools as far as it may; here it makes all worse.
    context = alone(told, validation=(LOGITS.argmax(axis=1), LOGITS))
    found = scored(Calibration(), context)
    assert (found["temperature"].value, found["temperature_at_bound"].value) == (0.05, 1)
    assert found["nll_scaled"].value > found["nll"].value


@pytest.mark.parametrize("more", [{}, {"split": "validation", "validation": (LABELS, LOGITS)}])
def test_no_temperature_without_validation_and_on_it(told, scored, more):
    found = scored(Calibration(), alone(told, **more))
    for name in ("temperature", "temperature_at_bound", "nll_scaled", "ece_mass_scaled"):
        assert math.isnan(found[name].value)
    assert math.isfinite(found["ece_mass"].value)


def test_what_is_no_number(told, scored):
    logits = np.concatenate([[[NAN, 0, 0]], LOGITS[1:]])
    found = scored(Calibration(), alone(told, logits, validation=(LABELS, LOGITS)))
    assert found["nonfinite_calibration"].value == 1
    for name in ("nll", "brier", "ece_width", "ece_mass", "ece_squared", "nll_scaled"):
        assert math.isnan(found[name].value)
    assert math.isfinite(found["temperature"].value)
    assert "nonfinite_calibration" not in scored(Calibration(), alone(told))


def test_one_example_and_one_class(told, scored):
    found = scored(Calibration(), alone(told, LOGITS[:1], LABELS[:1]))
    assert math.isnan(found["nll"].error)
    assert found["ece_width"].value == pytest.approx(1 - 0.786986, abs=1e-6)
    assert found["ece_classwise"].value == found["ece_width"].value


def test_equal_logits_are_the_first_class(told, scored):
    found = scored(Calibration(), alone(told, np.zeros((4, 2)), np.array([0, 1, 0, 1])))
    assert found["ece_width"].value == 0
    assert found["brier"].value == 0.5


def test_violations_under_every_absence(told, scored):
    subsets = {((m,), absence): LOGITS[None] for m in "ab" for absence in ("zero", "mean")}
    found = scored(Calibration(absences=("zero", "mean")), told(LABELS, LOGITS / 2, subsets))
    assert found["violation@zero/a"].value == 1
    assert found["violation@mean"].value == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, "bins must be greater than or equal to 1, received 0"),
        ({"absences": ("means",)}, "did you mean 'mean'"),
        ({"absences": ("refit",)}, "'zero', 'mean' or 'marginal'"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(MmbalError, match=message):
        Calibration(**options)
