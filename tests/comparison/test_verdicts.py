import numpy as np
import pytest

from mmbal.comparison.verdicts import judge_seeds

FIVE = np.array([0.010, 0.004, 0.013, 0.008, 0.002])


@pytest.mark.parametrize(
    ("score", "sign", "word"),
    [
        ("accuracy", 1, "helps"),
        ("branch_accuracy/gray", -1, "hurts"),
        ("subset_nll@zero/gray", -1, "helps"),
        ("loss", 1, "hurts"),
        ("utilization/gray", 1, "higher"),
        ("d_util", -1, "lower"),
        ("accuracy_se", 1, "higher"),
        ("shapley_accuracy@zero/gray", 1, "higher"),
        ("ece_mass_scaled", -1, "helps"),
        ("ece_mass_floor", -1, "lower"),
        ("top5_accuracy", 1, "helps"),
    ],
)
def test_the_word_knows_what_is_better(score, sign, word):
    assert judge_seeds(score, sign * FIVE).word == word


def test_what_is_shown_comes_with_both_p_values():
    verdict = judge_seeds("accuracy", FIVE)

    assert verdict.text == (
        "helps: +0.007 (+0.002 to +0.013), 5 seeds; p 0.0205; flipped signs 0.0625, the least that "
        "5 seeds allow"
    )
    assert (verdict.seeds, verdict.least) == (5, 0.0625)
    assert verdict.differences == tuple(FIVE)
    assert verdict.difference == pytest.approx(0.0074)


def test_one_of_several_arms_needs_more():
    verdict = judge_seeds("accuracy", FIVE, 0.05 / 3, 0.06)

    assert verdict.word == "no difference shown"
    assert (verdict.p, verdict.holm) == (pytest.approx(0.02, abs=5e-4), 0.06)


def test_what_is_not_shown_says_how_many_seeds_it_takes():
    # Differences of deviation .012, for which 14 seeds show .01 in 8 of 10 cases.
    differences = 0.012 * np.array([-1.0, 0, 1, 0, 0]) / np.std([-1, 0, 1, 0, 0], ddof=1)
    verdict = judge_seeds("accuracy", differences + 0.004)

    assert verdict.text == (
        "no difference shown: +0.004 (-0.011 to +0.019), 5 seeds; about 9 more would show a "
        "difference of 0.01"
    )


def test_a_narrow_interval_is_within_a_margin_and_never_equal():
    told = judge_seeds("accuracy", np.array([0.001, -0.001, 0.0, 0.001])).text

    assert told.endswith("; within ±0.01 (90% interval)")


@pytest.mark.parametrize(
    ("deviation", "words"),
    [
        (0.5, "would take more than 1000 seeds"),
        (0.021, "0.010 would show in 8 of 10 cases"),
    ],
)
def test_seeds_that_are_enough_and_seeds_that_nobody_has(deviation, words):
    forty = np.tile([1.0, -1.0], 20) * deviation + 0.006

    assert words in judge_seeds("accuracy", forty).text


def test_seeds_without_spread_show_nothing():
    verdict = judge_seeds("accuracy", np.full(3, 0.25))

    assert verdict.word == "no difference shown"
    assert verdict.text == "no difference shown: +0.250 in each of 3 seeds"


def test_a_score_that_is_no_share_tells_of_no_further_seeds():
    assert judge_seeds("d_util", np.array([1.0, -1.0])).text == (
        "no difference shown: +0.000 (-12.706 to +12.706), 2 seeds"
    )


@pytest.mark.deep
@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_without_effect_one_in_twenty_comparisons_claims_one(seeds):
    generator = np.random.default_rng(seeds)
    words = [judge_seeds("accuracy", generator.normal(size=seeds)).word for _ in range(2000)]

    assert 0.04 <= sum(word in ("helps", "hurts") for word in words) / 2000 <= 0.06


@pytest.mark.deep
@pytest.mark.parametrize(("seeds", "power"), [(3, 0.18), (5, 0.40), (8, 0.68)])
def test_an_effect_of_one_deviation_is_shown_as_often_as_the_docs_say(seeds, power):
    generator = np.random.default_rng(seeds)
    differences = generator.normal(1.0, size=(2000, seeds))
    shown = [judge_seeds("accuracy", each).word == "helps" for each in differences]

    assert np.mean(shown) == pytest.approx(power, abs=0.03)
