import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import softmax

from mmbal.comparison.predictions import Said, ensemble, temperature

LOGITS = np.array([[4.0, 0], [3, 0], [0, 5], [2, 0], [0, 1], [6, 0]])
LABELS = np.array([0, 1, 1, 0, 0, 0])


def test_the_temperature_is_where_confidence_meets_the_labels():
    def slope(inverse):  # of the convex mean NLL, by 1 / T
        p = softmax(inverse * LOGITS, axis=1)
        return np.mean((p * LOGITS).sum(1) - LOGITS[np.arange(6), LABELS])

    expected = 1 / brentq(slope, 1 / 20, 1 / 0.05)
    assert temperature(LOGITS, LABELS) == pytest.approx(expected, rel=1e-5)
    assert temperature(LOGITS / 3, LABELS) == pytest.approx(expected / 3, rel=1e-5)


def test_temperatures_have_bounds():
    assert temperature(LOGITS, LOGITS.argmax(1)) == pytest.approx(0.05, rel=1e-4)
    assert temperature(LOGITS, LOGITS.argmin(1)) == pytest.approx(20, rel=1e-4)


def test_probabilities_are_averaged_at_their_temperatures():
    sure, unsure = Said(np.arange(6), LABELS, LOGITS), Said(np.arange(6), LABELS, -LOGITS / 9)
    found = ensemble([sure, unsure], [sure, sure])

    expected = [softmax(x / temperature(LOGITS, LABELS), axis=1) for x in (LOGITS, -LOGITS / 9)]
    assert np.exp(found.logits) == pytest.approx(np.mean(expected, axis=0))
    assert found.labels is LABELS


def test_a_network_that_says_nothing_finite_spoils_the_example_alone():
    logits = LOGITS.copy()
    logits[0] = np.nan
    said = Said(np.arange(6), LABELS, logits)

    assert ensemble([said], [said]).hits.tolist() == [0, 0, 1, 1, 0, 1]
