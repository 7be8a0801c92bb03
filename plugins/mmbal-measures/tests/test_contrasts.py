"""Differences of modalities of the Bayes rule, and their errors, worked by hand."""

import math

import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation import EvaluationContext
from mmbal_measures import Contrasts


@pytest.fixture(scope="module")
def unique(population):
    """Return two bits, told to a with errors in .05 and to b in .2, of 400 examples."""
    predictor = population("unique")[1].predictor
    examples = population("unique")[1].splits["test"]
    splits = dict.fromkeys(("train", "validation", "test"), examples)
    return EvaluationContext(predictor, splits, reads=frozenset({"features"}))


def test_unique_bits(unique, scored):
    found = scored(Contrasts(), unique)
    told = {name: score.value for name, score in found.items()}

    # .475 - .4 alone, .36 - .285 beyond the other, (.475 - .4 + .36 - .285) / 2 on average.
    for measure in ("gain", "shapley", "probe", "blocked"):
        assert told[f"{measure}_contrast/a+b"] == pytest.approx(0.075), measure
    assert told["utilization_contrast/a+b"] == pytest.approx((0.475 - 0.4) / 0.76)
    perceptual = found["perceptual_contrast/a+b"]
    assert abs(perceptual.value - 0.075) < 4 * perceptual.error
    assert told["fused_above_chance"] == pytest.approx(0.76 - 0.25)
    assert told["heard_above_chance/b"] == pytest.approx(0.76 - 0.25)
    assert told["probe_above_chance/a"] == pytest.approx(0.475 - 0.25)
    assert not any(score.headline for score in found.values())


def test_errors_are_those_of_paired_examples(unique, scored):
    found = scored(Contrasts(), unique)
    # a alone is right in .475, b in .4, both in .25 * .95 * .8: each guesses 0 for the other's bit.
    variance = 0.475 + 0.4 - 2 * 0.25 * 0.95 * 0.8 - 0.075**2
    assert found["gain_contrast/a+b"].error == pytest.approx(math.sqrt(variance / 399))
    assert found["blocked_contrast/a+b"].error == pytest.approx(math.sqrt(variance / 399))
    utilization = found["utilization_contrast/a+b"]
    assert utilization.error < math.sqrt(variance / 399) / 0.76 * 1.1


def test_shapley_values_that_are_drawn_have_no_contrast(unique, scored, monkeypatch):
    monkeypatch.setattr("mmbal_measures.contrasts.all_are_cheap", lambda context: False)
    assert "shapley_contrast/a+b" not in scored(Contrasts(), unique)


def test_it_needs_validation(unique):
    splits = {name: unique.splits[name] for name in ("train", "test")}
    context = EvaluationContext(unique.predictor, splits, reads=frozenset({"features"}))
    with pytest.raises(MmbalError, match="validation examples, and there are none"):
        [*Contrasts()(context)]
