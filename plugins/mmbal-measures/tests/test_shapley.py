"""Shapley values: games whose values are known, sampled orders, and what has none."""

import itertools
import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.strategies import coalitions, shapley_values
from mmbal_measures import Shapley
from mmbal_measures.shapley import exact_weights, pair_weights

NAN = math.nan
YES, NO = [0.0, 1.0], [1.0, 0.0]


def value(weights, worth):
    return sum(weight * worth[subset] for subset, weight in weights.items())


def test_a_game_of_eight():
    # Of weights that help less the more there are, and two that help each other.
    names = tuple("abcdefgh")
    own = dict(zip(names, np.random.default_rng(3).random(8), strict=True))
    worth = {
        s: math.sqrt(sum(own[m] for m in s)) + 0.1 * ("a" in s and "b" in s)
        for size in range(9)
        for s in itertools.combinations(names, size)
    }
    right = shapley_values({s: worth[tuple(names[i] for i in s)] for s in coalitions(8)}, 8)

    assert value(exact_weights(names), worth) == pytest.approx(np.array(right), abs=1e-12)

    pairs = pair_weights(names, 50, 0)
    drawn = np.array([value(each, worth) for each in pairs])
    assert drawn.sum(axis=1) == pytest.approx([worth[names]] * 50, abs=1e-12)
    error = drawn.std(axis=0, ddof=1) / math.sqrt(50)
    assert (np.abs(drawn.mean(axis=0) - right) < 4 * error).all()
    assert error.max() < 0.03
    # Fifty pairs of eight touch most of all 256 subsets.
    assert 150 < len({s for each in pairs for s in each}) < 256


def test_by_hand(told, scored):
    # Labels 1 1 1 1, of two classes alike in training. Without any: ties, class 0, all wrong.
    # a is right in the first two, b in the first; together in the first three.
    context = told(
        [1, 1, 1, 1],
        [YES, YES, YES, NO],
        {(("a",), "zero"): [[YES, YES, NO, NO]], (("b",), "zero"): [[YES, NO, NO, NO]]},
    )
    for method in ("auto", "sampled"):
        found = scored(Shapley(absences=("zero",), method=method), context)
        # v: none 0, a 1/2, b 1/4, both 3/4. a: (1/2 + 1/2) / 2.
        assert found["shapley_accuracy@zero/a"].value == pytest.approx(0.5)
        assert found["shapley_accuracy@zero/b"].value == pytest.approx(0.25)
        assert found["shapley_accuracy_sum@zero"].value == pytest.approx(0.75)
        assert found["shapley_accuracy_whole@zero"].value == pytest.approx(0.75)
        # Of b: examples have 1/2, 0, 1/2, 0.
        assert found["shapley_accuracy@zero/b"].error == pytest.approx(0.25 / math.sqrt(3))
        assert [n for n, s in found.items() if getattr(s, "headline", False)] == [
            "shapley_accuracy@zero/a",
            "shapley_accuracy@zero/b",
        ]
        # An order of two and its reverse are all orders.
        draws = [found[n].value for n in found if "_draw_error" in n]
        assert draws == ([] if method == "auto" else pytest.approx([0] * 4, abs=1e-12))


class Sums(dict):
    """Logits of every subset: the sums of what its modalities have."""

    def __init__(self, parts):
        self.parts = parts

    def __missing__(self, key):
        return np.sum([self.parts[m] for m in key[0]], axis=0)[None]


def many(told, count, slices):
    names = tuple("abcdefghijklm"[:count])
    random = np.random.default_rng(1)
    parts = {m: random.normal(size=(20, 2)) for m in names}
    logits = np.sum([*parts.values()], axis=0)
    return told([0, 1] * 10, logits, Sums(parts), modalities=names, slices=slices)


def test_orders_are_sampled_where_there_are_too_many_subsets(told, scored):
    exact = scored(Shapley(), many(told, 7, {}))
    sampled = scored(Shapley(pairs=20), many(told, 7, None))

    assert not [name for name in exact if "draw_error" in name]
    for measure in ("accuracy", "nats"):
        for modality in "abcdefg":
            name = f"shapley_{measure}@mean/{modality}"
            error = sampled[f"shapley_{measure}_draw_error@mean/{modality}"].value
            assert error > 0
            assert abs(sampled[name].value - exact[name].value) < 4 * error
        whole = sampled[f"shapley_{measure}_whole@mean"].value
        assert sampled[f"shapley_{measure}_sum@mean"].value == pytest.approx(whole, abs=1e-12)
        assert exact[f"shapley_{measure}_whole@mean"].value == whole

    again = scored(Shapley(pairs=20), many(told, 7, None))
    assert [s.value for s in again.values()] == [s.value for s in sampled.values()]
    asked = scored(Shapley(method="exact"), many(told, 7, None))
    assert [s.value for s in asked.values()] == [s.value for s in exact.values()]


def test_one_modality_has_its_gain(told, scored):
    context = told([0, 1, 1, 1], [NO, YES, YES, NO], modalities=("a",), train=[0, 0, 1])
    found = scored(Shapley(), context)
    assert found["shapley_accuracy@mean/a"].value == 0.75 - 0.25
    # NLL of (0, 1): ln(1 + e) - 1 where it is right; of a third and two thirds: -ln of these.
    loss = math.log(1 + math.e) - np.mean([1, 1, 1, 0])
    nothing = np.mean([math.log(3 / 2), *[math.log(3)] * 3])
    assert found["shapley_nats@mean/a"].value == pytest.approx(nothing - loss)


def test_logits_that_are_no_numbers_are_wrong_and_have_no_nats(told, scored):
    bad = [NAN, 1.0]
    subsets = {(("a",), "mean"): [[YES, YES]], (("b",), "mean"): [[NO, NO]]}
    found = scored(Shapley(), told([1, 1], [YES, bad], subsets))
    # v: none 0, a 1, b 0, both 1/2.
    assert found["shapley_accuracy@mean/a"].value == 0.75
    assert found["shapley_accuracy@mean/b"].value == -0.25
    assert math.isnan(found["shapley_nats@mean/a"].value)


def test_one_example_has_no_error(told, scored):
    subsets = {(("a",), "mean"): [[YES]], (("b",), "mean"): [[NO]]}
    found = scored(Shapley(), told([1], [YES], subsets))
    assert found["shapley_accuracy@mean/a"].value == 1
    assert math.isnan(found["shapley_accuracy@mean/a"].error)


def test_draws_are_means(told, scored):
    # Of two draws a is right in one.
    subsets = {(("a",), "marginal"): [[YES], [NO]], (("b",), "marginal"): [[NO], [NO]]}
    found = scored(Shapley(absences=("marginal",)), told([1], [YES], subsets))
    assert found["shapley_accuracy@marginal/a"].value == 0.75


def test_refitting_needs_validation(told):
    with pytest.raises(MmbalError, match="validation examples, and there are none"):
        [*Shapley(absences=("refit",))(told([1], [YES]))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"absences": ()}, "at least 1"),
        ({"absences": ("mean", "mean")}, "once"),
        ({"absences": ("refits",)}, "did you mean 'refit'"),
        ({"method": "sample"}, "did you mean 'sampled'"),
        ({"pairs": 1}, "pairs must be greater than or equal to 2, received 1"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(MmbalError, match=message):
        Shapley(**options)
