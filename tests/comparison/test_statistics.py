"""Numbers that were worked out once, apart from this code, with SciPy."""

import numpy as np
import pytest

from mmbal.comparison import statistics

FIVE = np.array([0.010, 0.004, 0.013, 0.008, 0.002])


def test_students_interval_and_test():
    assert statistics.t_interval(FIVE) == pytest.approx((0.0019, 0.0129), abs=5e-5)
    assert statistics.t_test(FIVE) == pytest.approx(0.020, abs=5e-4)
    low, high = statistics.t_interval(FIVE, 0.05 / 3)  # for three arms: wider
    assert low < 0 < high


def test_an_interval_of_one_seed_is_not_defined_and_equal_seeds_have_no_spread():
    assert np.isnan(statistics.t_interval(FIVE[:1])).all()
    assert np.isnan(statistics.t_test(FIVE[:1]))
    assert np.isnan(statistics.t_test(np.full(3, 0.5)))


def test_flipping_signs_is_exact_and_knows_its_least_p():
    assert statistics.sign_flip(FIVE) == pytest.approx(0.0625)  # of 32 sign patterns, 2
    assert statistics.sign_flip(np.array([1.0, -2.0, 3.0])) == pytest.approx(6 / 8)
    assert [statistics.least_flip(n) for n in (3, 4, 5, 6, 10)] == [
        0.25, 0.125, 0.0625, 0.03125, 2.0**-9,
    ]  # fmt: skip


def test_flipping_many_signs_is_drawn_the_same_way_each_time():
    many = np.linspace(-1, 2, 20)

    assert statistics.sign_flip(many) == statistics.sign_flip(many)
    assert statistics.sign_flip(many) == pytest.approx(statistics.t_test(many), abs=0.01)


def test_holm():
    assert statistics.holm([0.004, 0.03, 0.02]) == pytest.approx([0.012, 0.04, 0.04])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_mcnemar_counts_where_one_alone_is_right():
    first, second = np.ones(40), np.ones(40)
    second[:18], first[18:22] = 0, 0

    found = statistics.mcnemar(first, second)
    assert found[:3] == (18, 4, 40)
    assert found.p == pytest.approx(0.0043, abs=5e-5)
    assert statistics.mcnemar(first, first).p == 1


def test_seeds_and_examples_are_crossed():
    generator = np.random.default_rng(10)
    generator.normal(size=(4000, 5))
    seeds = np.array([[-0.06], [-0.02], [0], [0.03], [0.05]])
    examples = generator.normal(0.02, 0.15, (1, 400))
    differences = seeds + examples + generator.normal(0, 0.3, (5, 400))

    assert statistics.crossed_error(differences) == pytest.approx(0.0156, abs=5e-5)
    of_seeds = differences.mean(1).std(ddof=1) / 5**0.5
    assert of_seeds == pytest.approx(0.0140, abs=5e-5)


def test_what_can_be_detected_and_how_many_seeds_that_takes():
    assert statistics.detectable(5, 0.012) == pytest.approx(0.020, abs=5e-4)
    assert statistics.seeds_needed(0.01, 0.012) == 14
    assert statistics.seeds_needed(1, 0.01) == 6  # fewer signs cannot come to .05
    assert statistics.seeds_needed(1, 0.01, 0.05 / 3) == 7
    assert statistics.seeds_needed(0.001, 0.1) is None


def test_power_at_one_standard_deviation():
    found = statistics.power(np.array([3, 5, 8]), 1.0)

    assert found == pytest.approx([0.18, 0.40, 0.68], abs=0.005)
