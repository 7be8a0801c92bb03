"""Random balancing: uniform, reproducible, regular in the warm-up."""

import itertools
from collections import Counter

import pytest

from mmbal.strategies import Draws
from mmbal_guided import Random


def draw(machine, steps, modalities="ab", seed=0, **options):
    made = machine(Random(**({"warmup_steps": 0} | options)), modalities, seed=seed)
    return made.steps(*[(0.0,) * len(modalities)] * steps)


@pytest.mark.parametrize(
    ("modalities", "bound"),
    # 99.9 % quantiles of chi-square with 2, 3 and 4 degrees of freedom
    [("ab", 13.82), ("abc", 16.27), ("abcd", 18.47)],
)
def test_draws_uniformly_from_regular_and_every_modality(machine, modalities, bound):
    steps = 600
    counts = Counter(draw(machine, steps, modalities))
    choices = [".", *map(str, range(len(modalities)))]
    assert set(counts) == set(choices)
    expected = steps / len(choices)
    assert sum((counts[c] - expected) ** 2 / expected for c in choices) < bound


def test_draws_do_not_depend_on_the_one_before(machine):
    told = draw(machine, 600)
    pairs = Counter(itertools.pairwise(told))
    assert len(pairs) == 9
    expected = 599 / 9
    # 99.9 % quantile of chi-square with 8 degrees of freedom
    assert sum((n - expected) ** 2 / expected for n in pairs.values()) < 26.12


def test_equal_seeds_draw_equally_and_others_do_not(machine):
    assert draw(machine, 40, seed=3) == draw(machine, 40, seed=3)
    assert draw(machine, 40, seed=3) != draw(machine, 40, seed=4)


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**31, 2**40])
def test_any_seed_will_do(machine, seed):
    assert len(set(draw(machine, 30, seed=seed))) == 3


@pytest.mark.parametrize("modalities", ["ab", "abc"])
def test_a_draw_is_of_the_seed_and_the_step_alone(machine, modalities):
    """So that a resumed run draws as it would have."""
    draws, drawn = Draws(7, "random"), [-1]
    for _ in range(19):
        draws.advance()
        drawn.append(int(draws.common(1)[0] * (1 + len(modalities))) - 1)
    expected = "".join("." if each < 0 else str(each) for each in drawn)
    assert draw(machine, 20, modalities, seed=7) == expected


def test_speeds_do_not_matter(machine):
    told = [
        machine(Random(warmup_steps=0)).steps(*[speeds] * 30)
        for speeds in ((9.0, 0.0), (float("nan"), 0.0))
    ]
    assert told[0] == told[1]


class TestWarmup:
    def first(self, machine, per_epoch=4, **options):
        """Return the regular prefix over seeds: the first step that any seed isolates."""
        told = ["".join(
            machine(Random(**options), per_epoch=per_epoch, seed=seed).epochs(4, 4, 4)
        ) for seed in range(12)]  # fmt: skip
        return min(len(t) - len(t.lstrip(".")) for t in told)

    @pytest.mark.parametrize(
        ("options", "regular"),
        [
            ({"warmup_steps": 0}, 1),
            ({"warmup_steps": 3}, 3),
            ({"warmup": 0}, 1),
            ({"warmup": 1}, 4),
            ({"warmup": 0.5}, 2),
            ({"warmup": 1.5}, 6),
        ],
    )
    def test_is_regular_to_its_last_step_and_no_longer_but_the_first_is(
        self, machine, options, regular
    ):
        assert self.first(machine, **options) == regular

    @pytest.mark.parametrize(("epochs", "regular"), [(0, 1), (1, 4), (2, 8)])
    def test_the_same_where_the_length_of_epochs_is_unknown(self, machine, epochs, regular):
        assert self.first(machine, per_epoch=None, warmup=epochs) == regular

    def test_fractions_of_unknown_length_are_refused(self, machine):
        with pytest.raises(ValueError, match="known length"):
            machine(Random(warmup=0.5), per_epoch=None)
