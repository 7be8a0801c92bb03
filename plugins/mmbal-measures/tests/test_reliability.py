"""Calibration errors by hand, and what they are where there is nothing to find."""

import math

import numpy as np
import pytest

from mmbal_measures.reliability import Reliability, by_mass, by_width, classwise_error

NAN = math.nan
CONFIDENCE = np.array([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5])
HITS = np.array([1.0, 1, 1, 0, 1, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(("binning", "error"), [(by_width, 0.155), (by_mass, 0.165)])
def test_ten_examples_in_five_bins(binning, error):
    assert Reliability.of(CONFIDENCE, HITS, binning, 5).error == pytest.approx(error)


def test_borders_belong_to_the_lower_bin():
    assert by_width(np.array([0, 0.2, 0.2000001, 0.6, 0.7, 1]), 10).tolist() == [0, 1, 2, 5, 6, 9]


def test_equal_numbers_of_examples():
    places = by_mass(np.array([0.5, 0.9, 0.5, 0.7, 0.6]), 2)
    assert places.tolist() == [0, 1, 0, 1, 0]
    assert by_mass(np.array([0.5, 0.9]), 3).tolist() == [0, 1]


def test_the_curve():
    curve = Reliability.of(
        np.array([0.9] * 100 + [0.3]), np.array([1] * 80 + [0] * 21), by_width, 5
    )
    counts, confidence, accuracy, low, high = curve.curve().T
    assert counts.tolist() == [0, 1, 0, 0, 100]
    assert confidence == pytest.approx([NAN, 0.3, NAN, NAN, 0.9], nan_ok=True)
    assert accuracy == pytest.approx([NAN, 0, NAN, NAN, 0.8], nan_ok=True)
    # Wilson's interval of 80 of 100.
    assert (low[-1], high[-1]) == pytest.approx((0.711, 0.867), abs=5e-4)
    assert np.isnan(low[0])


@pytest.fixture(scope="module")
def calibrated():
    """Return 400 times 1000 examples whose confidences are exactly right."""
    random = np.random.default_rng(5)
    confidences = random.uniform(0.5, 1, (400, 1000))
    return [
        Reliability.of(c, (random.random(1000) < c).astype(float), by_mass, 15) for c in confidences
    ]


def test_the_floor_is_what_chance_makes(calibrated):
    errors = [each.error for each in calibrated]
    floors = [each.floor for each in calibrated]
    assert np.mean(errors) == pytest.approx(0.038, abs=5e-4)
    assert np.mean(floors) == pytest.approx(np.mean(errors), rel=0.02)
    spread = np.sqrt((a := np.linspace(0.5, 1, 10001)) * (1 - a)).mean()
    assert np.mean(floors) == pytest.approx(math.sqrt(30 / (math.pi * 1000)) * spread, rel=2e-3)


def test_the_square_has_no_bias(calibrated):
    squares = np.array([each.debiased_square for each in calibrated])
    assert abs(squares.mean()) < 4 * squares.std(ddof=1) / 20
    assert (squares < 0).any()


def test_the_square_leaves_out_bins_of_one():
    found = Reliability.of(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0, 0]), by_width, 2)
    # (.5 - .9)^2 - .5 * .5 / 1 for two of three.
    assert found.debiased_square == pytest.approx((0.16 - 0.25) * 2 / 3)


def test_classes_one_by_one():
    probabilities = np.array([[0.8, 0.2, 0], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    # One bin. Class 0: mean .567, one of three; class 1: .367, two of three; no class 2.
    error = classwise_error(probabilities, np.array([0, 1, 1]), 1)
    assert error == pytest.approx((1.7 / 3 - 1 / 3 + 2 / 3 - 1.1 / 3) / 2)


def test_what_is_no_number_makes_all_sums_so():
    for binning in (by_width, by_mass):
        found = Reliability.of(np.array([NAN, 0.9]), np.array([0.0, 1]), binning, 2)
        assert np.isnan([found.error, found.floor, found.debiased_square]).all()
        assert found.counts.sum() == 2
