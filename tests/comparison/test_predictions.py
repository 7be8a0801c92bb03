import numpy as np
import pytest
from scipy.special import softmax

from mmbal.comparison.predictions import Said, ensemble
from mmbal.evaluation import fit_temperature

LOGITS = np.array([[4.0, 0], [3, 0], [0, 5], [2, 0], [0, 1], [6, 0]])
LABELS = np.array([0, 1, 1, 0, 0, 0])


def test_probabilities_are_averaged_at_their_temperatures():
    sure, unsure = Said(np.arange(6), LABELS, LOGITS), Said(np.arange(6), LABELS, -LOGITS / 9)
    found = ensemble([sure, unsure], [sure, sure])

    expected = [softmax(x / fit_temperature(LOGITS, LABELS), axis=1) for x in (LOGITS, -LOGITS / 9)]
    assert np.exp(found.logits) == pytest.approx(np.mean(expected, axis=0))
    assert found.labels is LABELS


def test_a_network_that_says_nothing_finite_spoils_the_example_alone():
    logits = LOGITS.copy()
    logits[0] = np.nan
    said = Said(np.arange(6), LABELS, logits)

    assert ensemble([said], [said]).hits.tolist() == [0, 0, 1, 1, 0, 1]
