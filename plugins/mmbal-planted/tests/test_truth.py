"""The Bayes rule: its scores by hand, by enumeration, and as a rule for examples."""

from itertools import product
from math import log, prod

import numpy as np
import pytest

from mmbal import ConfigError
from mmbal_planted import CONFIGURATIONS, Bit, Truth
from mmbal_planted.options import PlantedOptions

# Accuracy, exact, and NLL to three digits, in the test, worked by hand.
TABLES = {
    "redundant": {"": (0.5, 0.693), "a": (0.9, 0.325), "b": (0.9, 0.325), "ab": (0.9, 0.179)},
    "redundant-uneven": {
        "": (0.5, 0.693), "a": (0.9, 0.325), "b": (0.8, 0.500), "ab": (0.9, 0.252),
    },
    "unique": {"": (0.25, 1.386), "a": (0.475, 0.892), "b": (0.4, 1.194), "ab": (0.76, 0.699)},
    "balanced": {"": (0.25, 1.386), "a": (0.45, 1.018), "b": (0.45, 1.018), "ab": (0.81, 0.650)},
    "synergy": {"": (0.5, 0.693), "a": (0.5, 0.693), "b": (0.5, 0.693), "ab": (0.82, 0.471)},
    "mixed": {
        "": (0.125, 2.079), "a": (0.4275, 1.217), "b": (0.2, 1.887), "c": (0.125, 2.079),
        "ab": (0.4275, 1.144), "ac": (0.4275, 1.217), "bc": (0.328, 1.665), "abc": (0.7011, 0.922),
    },
    "shortcut": {"": (0.5, 0.693), "a": (0.5, 0.693), "b": (0.95, 0.199), "ab": (0.95, 0.199)},
}  # fmt: skip
WIDE = (
    Bit(kind="redundant", flips={"a": 0.1, "b": 0.2, "c": 0.3}),
    Bit(kind="synergistic", flips={"c": 0, "a": 0.05, "b": 0.25}),
    Bit(kind="unique", flips={"b": 0.5}),
)


def worlds(bit):
    """Yield (probability, label bit, {modality: what it is told})."""
    names, flips = list(bit.flips), list(bit.flips.values())
    private = bit.kind == "synergistic"
    for sent in product((0, 1), repeat=len(names) if private else 1):
        for flipped in product((0, 1), repeat=len(names)):
            chance = prod(e if f else 1 - e for e, f in zip(flips, flipped, strict=True))
            sources = sent if private else sent * len(names)
            told = {m: s ^ f for m, s, f in zip(names, sources, flipped, strict=True)}
            yield 0.5 ** len(sent) * chance, sum(sent) % 2, told


def table(bit, present):
    """Return what those present are told to the probabilities of it with label bit 0 and 1."""
    found = {}
    for chance, label, told in worlds(bit):
        seen = tuple(told[m] for m in bit.flips if m in present)
        found.setdefault(seen, [0.0, 0.0])[label] += chance
    return found


def accuracy_of(bits, present):
    return prod(sum(map(max, table(bit, present).values())) for bit in bits)


def nll_of(bits, present):
    return -sum(
        p * log(p / sum(pair))
        for bit in bits
        for pair in table(bit, present).values()
        for p in pair
        if p
    )


def truth_of(name):
    bits = tuple(bit.in_test() for bit in CONFIGURATIONS[name])
    return Truth(PlantedOptions(configuration=name).modality_names(), bits)


def test_every_configuration_has_a_table():
    assert TABLES.keys() == CONFIGURATIONS.keys()


@pytest.mark.parametrize("name", TABLES)
def test_tables(name):
    truth = truth_of(name)

    assert ["".join(each) for each in truth.subsets()] == list(TABLES[name])
    for present, (accuracy, nll) in TABLES[name].items():
        exact = 0.95 * 0.9 * 0.82 if present == "abc" else accuracy
        assert truth.accuracy(present) == pytest.approx(exact, abs=1e-9)
        assert truth.nll(present) == pytest.approx(nll, abs=5e-4)


@pytest.mark.parametrize("bits", [*CONFIGURATIONS.values(), WIDE])
def test_closed_forms_are_sums_over_all_that_can_happen(bits):
    truth = Truth(("a", "b", "c"), bits)

    for present in truth.subsets():
        assert truth.accuracy(present) == pytest.approx(accuracy_of(bits, present), abs=1e-9)
        assert truth.nll(present) == pytest.approx(nll_of(bits, present), abs=1e-9)


def test_training_with_a_shortcut_leaves_nothing_to_the_other():
    truth = Truth(("a", "b"), CONFIGURATIONS["shortcut"])

    assert [truth.accuracy(each) for each in ("a", "b", "ab")] == [1, 0.95, 1]
    assert truth.nll("b") == pytest.approx(-0.95 * log(0.95) - 0.05 * log(0.05), abs=1e-12)
    assert truth.nll("a") == truth.nll("ab") == 0


def test_the_rule_for_examples_has_these_scores():
    """Over every world, weighted by its probability."""
    truth = Truth(("a", "b", "c"), WIDE)
    every = list(product(*map(worlds, WIDE)))
    weights = np.array([np.prod([chance for chance, _, _ in each]) for each in every])
    labels = np.array([sum(bit << b for b, (_, bit, _) in enumerate(each)) for each in every])
    told = {
        m: np.array([[heard.get(m, -1) for *_, heard in each] for each in every]) for m in "abc"
    }
    for present in truth.subsets():
        said = truth.log_posterior(told, present)
        assert said.shape == (len(every), 8)
        np.testing.assert_allclose(np.exp(said).sum(axis=1), 1)
        of_label = said[np.arange(len(every)), labels]
        possible = weights > 0
        nll = -(weights[possible] * of_label[possible]).sum()
        assert nll == pytest.approx(truth.nll(present), abs=1e-9)
        # Ties count by their share: the rule may guess any of them.
        best = np.isclose(said, said.max(axis=1, keepdims=True))
        hits = best[np.arange(len(every)), labels] / best.sum(axis=1)
        assert (weights * hits).sum() == pytest.approx(truth.accuracy(present), abs=1e-9)


def test_two_that_never_err_and_contradict_each_other_say_nothing():
    truth = Truth(("a", "b"), (Bit(kind="redundant", flips={"a": 0, "b": 0}),))
    told = {"a": np.array([[0], [1]]), "b": np.array([[1], [1]])}

    said = truth.log_posterior(told, "ab")

    np.testing.assert_allclose(np.exp(said), [[0.5, 0.5], [0, 1]])


@pytest.mark.parametrize("score", [Truth.accuracy, Truth.nll])
def test_unknown_modalities_are_refused(score):
    with pytest.raises(ConfigError, match="unknown modality 'd'"):
        score(truth_of("mixed"), "ad")
