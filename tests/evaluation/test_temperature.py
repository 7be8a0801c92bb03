"""The temperature of least loss, against SciPy's minimum of the loss itself."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from mmbal.evaluation import nll
from mmbal.evaluation.temperature import COLDEST, HOTTEST, fit_temperature

LOGITS = np.array([[2.0, 0, 0], [0, 3, 0], [0, 0, 1], [4, 0, 0], [0, 2, 0]])
LABELS = np.array([0, 1, 2, 1, 0])


def loss(temperature):
    return nll(LOGITS / temperature, LABELS).mean()


def test_five_examples():
    temperature = fit_temperature(LOGITS, LABELS)
    assert temperature == pytest.approx(4.089, abs=5e-4)
    assert (loss(1), loss(temperature)) == pytest.approx((1.432, 1.049), abs=5e-4)
    bounds = math.log(COLDEST), math.log(HOTTEST)
    least = minimize_scalar(
        lambda log: loss(math.exp(log)), bounds=bounds, method="bounded", options={"xatol": 1e-8}
    )
    assert temperature == pytest.approx(math.exp(least.x), rel=1e-6)


@pytest.mark.parametrize("scale", [3, 0.5])
def test_scaled_logits_have_a_scaled_temperature(scale):
    scaled = fit_temperature(LOGITS / scale, LABELS)
    assert scaled == pytest.approx(fit_temperature(LOGITS, LABELS) / scale, rel=1e-9)


def test_bounds():
    assert fit_temperature(LOGITS, LOGITS.argmax(axis=1)) == COLDEST
    assert fit_temperature(LOGITS, LOGITS.argmin(axis=1)) == HOTTEST


def test_logits_that_are_no_numbers_take_no_part():
    bad = [[math.nan, 0, 0], [math.inf, 0, 0]]
    spoilt = fit_temperature(np.concatenate([bad, LOGITS]), np.append([0, 1], LABELS))
    assert spoilt == fit_temperature(LOGITS, LABELS)
    assert math.isnan(fit_temperature(np.array(bad), np.array([0, 0])))
