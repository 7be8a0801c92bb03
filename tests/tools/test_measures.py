"""tools/measures.py: what it draws of cards."""

import measures
import pytest

from mmbal_planted import Planted


@pytest.mark.parametrize(
    ("configuration", "measure", "values"),
    [
        ("redundant-uneven", "alone", {"a": 0.9, "b": 0.8}),
        ("redundant-uneven", "gain", {"a": 0.1, "b": 0}),
        ("redundant-uneven", "shapley", {"a": 0.25, "b": 0.15}),
        ("synergy", "shapley", {"a": 0.16, "b": 0.16}),
        ("mixed", "gain", {"a": 0.3732, "b": 0.27355, "c": 0.27355}),
        ("mixed", "perceptual", {"a": None, "b": None, "c": None}),
    ],
)
def test_bayes_says_what_the_page_tells(configuration, measure, values):
    truth = Planted(configuration=configuration).truth()

    for modality, value in values.items():
        found = measures.bayes(truth, measure, modality)
        assert found == (value if value is None else pytest.approx(value, abs=5e-4))


def test_a_dot_is_a_seed_that_has_the_measure():
    def card(utilization, gain):
        of = {"utilization": {"a": utilization}, "gain": {"a": gain}}
        return {"measures": {"used": of, "learned": {m: {"a": None} for m in ("probe", "alone")}}}

    cards = [card({"value": -0.25}, {"value": 0.5}), card({"value": None}, {"value": 0.25})]

    assert measures.measured(cards, "utilization", "a") == [0.25]
    assert measures.measured(cards, "gain", "a") == [0.5, 0.25]
    assert measures.measured(cards, "probe", "a") == []
