"""The state machine of guided balancing, fed with chosen speeds."""

import pytest

from mmbal_guided import Guided

NAN = float("nan")
FAST_A, FAST_B, EVEN = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)


def always(**options):
    """Return guided balancing without a warm-up."""
    return Guided(**({"tolerance": 0.1, "warmup_steps": 0} | options))


def test_the_pattern_of_the_paper(machine):
    told = machine(Guided(tolerance=0.1, window=5, warmup=1)).epochs(4, 15)
    assert told == ["....", ".00000.00000.00"]


@pytest.mark.parametrize(
    ("window", "pattern"), [(1, ".0.0.0.0"), (2, ".00.00.0"), (7, ".0000000"), (3, ".000.000")]
)
def test_a_window_is_followed_by_at_least_one_regular_step(machine, window, pattern):
    assert machine(always(window=window)).steps(*[FAST_A] * 8) == pattern


def test_balance_stays_regular(machine):
    assert machine(always()).steps(*[EVEN] * 8) == "........"


def test_the_speed_after_a_regular_step_decides_on_the_next(machine):
    speeds = [EVEN, FAST_B, EVEN, EVEN, EVEN, FAST_A, EVEN, EVEN, EVEN]
    assert machine(always(window=2)).steps(*speeds) == "..11..00."


def test_the_target_stands_while_a_window_lasts(machine):
    speeds = [FAST_A, FAST_B, FAST_B, FAST_B, FAST_B, EVEN, EVEN]
    # Step 1 opens for a; steps 2 to 4 cannot change it; step 5 is regular and opens for b.
    assert machine(always(window=3)).steps(*speeds) == ".000.11"


@pytest.mark.parametrize(
    ("spread", "second"), [(0.5, "."), (0.5000001, "0"), (0.4, "."), (-0.5, "."), (-0.6, "1")]
)
def test_more_than_the_tolerance_is_needed(machine, spread, second):
    assert machine(always(tolerance=0.5)).steps((spread, 0.0), EVEN) == "." + second


def test_a_tolerance_of_zero_lets_equal_speeds_pass(machine):
    assert machine(always(tolerance=0)).steps(EVEN, EVEN, (1.0, 1.0 - 1e-12), EVEN) == "...0"


@pytest.mark.parametrize("speeds", [(NAN, 1.0), (1.0, NAN), (NAN, NAN), (float("inf"), 0.0)])
def test_undefined_speeds_stay_regular(machine, speeds):
    assert machine(always()).steps(*[speeds] * 4, FAST_A, EVEN) == ".....0"


def test_undefined_speeds_do_not_end_a_window(machine):
    assert machine(always(window=3)).steps(FAST_B, *[(NAN, NAN)] * 5) == ".111.."


def test_windows_cross_the_borders_of_epochs(machine):
    assert machine(always(window=5)).epochs(4, 4, 4) == [".000", "00.0", "0000"]


@pytest.mark.parametrize(
    ("speeds", "target"),
    [((3, 1, 2), "0"), ((1, 3, 2), "1"), ((1, 2, 3), "2"), ((0, 5, 5), "1"), ((-3, -1, -2), "1")],
)
def test_three_modalities_isolate_the_fastest(machine, speeds, target):
    three = machine(always(window=2), "abc")
    speeds = tuple(map(float, speeds))
    assert three.steps(*[speeds] * 5) == f".{target}{target}.{target}"


def test_three_modalities_compare_the_fastest_with_the_slowest(machine):
    # Neighbours are 0.4 apart, the ends 0.8.
    assert machine(always(tolerance=0.5), "abc").steps((0.0, 0.4, 0.8), (0.0,) * 3) == ".2"


class TestWarmup:
    """Regular steps before the first isolated one: the warm-up and the step that decides."""

    @pytest.mark.parametrize(
        ("options", "regular"),
        [
            ({"warmup": 1}, 4 + 1),
            ({"warmup": 2}, 8 + 1),
            ({"warmup": 0}, 0 + 1),
            ({"warmup": 0.5}, 2 + 1),
            ({"warmup": 1.25}, 5 + 1),
            ({"warmup_steps": 3}, 3 + 1),
            ({"warmup_steps": 0}, 0 + 1),
            ({"warmup": 2, "warmup_steps": 1}, 1 + 1),
            ({}, 4 + 1),
        ],
    )
    def test_lasts_as_long_as_it_was_asked_to(self, warmups, options, regular):
        assert warmups(Guided(tolerance=0.1, **options)) == regular

    @pytest.mark.parametrize(("epochs", "regular"), [(0, 1), (1, 5), (2, 9)])
    def test_counts_epochs_where_their_length_is_unknown(self, warmups, epochs, regular):
        assert warmups(Guided(tolerance=0.1, warmup=epochs), per_epoch=None) == regular

    def test_steps_need_no_known_length(self, warmups):
        assert warmups(Guided(tolerance=0.1, warmup_steps=6), per_epoch=None) == 7

    def test_fractions_of_unknown_length_are_refused(self, machine):
        with pytest.raises(ValueError, match="known length") as caught:
            machine(Guided(warmup=0.5), per_epoch=None)
        assert "0.5" in str(caught.value)
        assert "warmup_steps" in str(caught.value)

    @pytest.mark.parametrize("per_epoch", [4, None])
    def test_a_second_fit_does_not_warm_up_again(self, machine, per_epoch):
        known = machine(Guided(tolerance=0.1, window=1, warmup=3), per_epoch=per_epoch)
        assert known.epochs(4, 4) == ["....", "...."]
        assert known.epochs(4, 4) == ["....", ".0.0"]

    def test_balance_within_it_changes_nothing_later(self, machine):
        told = machine(Guided(tolerance=0.1, warmup_steps=2, window=2))
        assert told.steps(FAST_B, FAST_B, EVEN, FAST_A, EVEN) == "....0"


def test_its_window_is_in_a_variable(machine):
    made = machine(always(window=3))
    made.steps(FAST_A, EVEN)
    assert int(made.strategy.remaining) == 2
    names = sorted(v.name.split(":")[0] for v in made.strategy.variables)
    assert names == ["epoch", "remaining", "steps", "target"]
