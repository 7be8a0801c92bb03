"""Numbers -> opinions -> sentences, each verdict and its border worked by hand."""

import math
from dataclasses import replace

import pytest

from mmbal_measures.verdicts import (
    CLASSES,
    Estimate,
    Evidence,
    agreement,
    disagreement,
    tau_b,
    verdicts,
)

MEASURES = [measure for of in CLASSES.values() for measure in of]


def estimates(values, error=0.01):
    return {m: Estimate(value, error) for m, value in values.items()}


def evidence(**changes):
    """Return two modalities, both of use: planted unique bits of .05 and .2, say, and no more."""
    names = tuple(changes.get("modalities", ("gray", "color")))
    plain = dict.fromkeys(names, 0.3)
    made = {
        "modalities": names,
        "examples": 359,
        "chance": Estimate(0.25, 0.01),
        "fused": Estimate(0.76, 0.01),
        "measures": {measure: estimates(plain) for measure in MEASURES},
        "contrasts": {},
        "above_chance": estimates(plain),
        "fused_above_chance": Estimate(0.51, 0.01),
        "refit_gain": estimates(plain),
    }
    return Evidence(**(made | changes))


def changed(found, **measures):
    return replace(found, measures={**found.measures, **measures})


def kinds(found):
    return [(each.kind, each.modality) for each in verdicts(found)]


@pytest.mark.parametrize(
    ("value", "error", "sign"),
    [
        (0.021, 0.01, 1),
        (0.02, 0.01, 0),  # no more than two errors
        (-0.021, 0.01, -1),
        (0.0101, 0.0, 1),
        (0.01, 0.0, 0),  # no more than .01
        (0.5, math.nan, 0),  # nobody knows how sure it is
        (math.nan, math.nan, 0),
    ],
)
def test_an_opinion_needs_two_errors_and_a_hundredth(value, error, sign):
    assert Estimate(value, error).sign == sign


def test_nothing_speaks_against_a_modality():
    (none,) = verdicts(evidence())
    assert none == (
        "none",
        "",
        (
            "no difference beyond 2 standard errors speaks against a modality at n = 359; smallest "
            "that would show: 0.020."
        ),
    )
    assert "n = 359, 3 seeds;" in verdicts(evidence(seeds=(0, 1, 2)))[0].text


def test_under_trained():
    found = changed(
        evidence(held=estimates({"color": -0.17}, 0.02)),
        probe=estimates({"gray": 0.9, "color": 0.61}),
        alone=estimates({"gray": 0.9, "color": 0.78}),
    )
    assert [each.text for each in verdicts(found)] == [
        (
            "color: its encoder holds 0.610, a network of its own 0.780 (-0.170 ± 0.020): "
            "under-trained here, by the probe."
        )
    ]
    assert kinds(replace(found, held=estimates({"color": -0.04}, 0.02))) == [("none", "")]
    assert kinds(replace(found, held=estimates({"color": 0.17}, 0.02))) == [("none", "")]


def test_unheard():
    found = changed(
        evidence(refit_gain=estimates({"gray": 0.3, "color": 0.08})),
        perceptual=estimates({"gray": 0.3, "color": 0.002}),
    )
    assert [each.text for each in verdicts(found)] == [
        (
            "color carries 0.080 ± 0.010 that gray lacks (refit), yet permuting it costs nothing "
            "(0.002 ± 0.010): the fusion does not listen."
        )
    ]
    heard = changed(found, perceptual=estimates({"gray": 0.3, "color": 0.021}))
    assert kinds(heard) == [("none", "")]
    no_gain = replace(found, refit_gain=estimates({"gray": 0.3, "color": 0.02}))
    assert kinds(no_gain) == [("redundant", "color")]


def test_redundant():
    found = changed(
        evidence(refit_gain=estimates({"gray": 0.002, "color": 0.1})),
        probe=estimates({"gray": 0.9, "color": 0.9}),
    )
    assert [each.text for each in verdicts(found)] == [
        "gray alone reads 0.900, but adds 0.002 ± 0.010 to color: redundant, not under-used."
    ]
    # A network of its own beats the fused prediction: no use would be made of it.
    better = changed(
        replace(found, harm=estimates({"gray": -0.2, "color": 0.0})),
        alone=estimates({"gray": 0.9, "color": 0.5}),
    )
    assert kinds(better) == [("harmful", "gray")]
    ignorant = changed(
        replace(found, above_chance=estimates({"gray": 0.02, "color": 0.4})),
        perceptual=estimates({"gray": 0.0, "color": 0.3}),
    )
    assert kinds(ignorant) == [("none", "")]


def test_synergy():
    singles = estimates({"gray": 0.003, "color": 0.02})
    found = evidence(above_chance=singles, chance=Estimate(0.5, 0.01), fused=Estimate(0.82, 0.01))
    assert [each.text for each in verdicts(found)] == [
        (
            "neither alone beats chance (0.500); together 0.820: the gain is joint and belongs to "
            "both; the probe of a single modality cannot see it."
        )
    ]
    assert kinds(replace(found, fused_above_chance=Estimate(0.02, 0.01))) == [("none", "")]
    deaf = changed(
        replace(
            found,
            above_chance=estimates({"gray": 0.021, "color": 0.02}),
            refit_gain=estimates({"gray": 0.3, "color": 0.0}),
        ),
        perceptual=estimates({"gray": 0.3, "color": 0.02}),
    )
    assert kinds(deaf) == [("none", "")]
    heard = changed(deaf, perceptual=estimates({"gray": 0.3, "color": 0.27}))
    assert [each.text for each in verdicts(heard)] == [
        (
            "color alone does not beat chance (0.500), yet permuting it costs 0.270 ± 0.010: what "
            "it tells, it tells with gray."
        )
    ]


def test_harmful():
    found = changed(
        evidence(harm=estimates({"gray": -0.43, "color": 0.1}, 0.014), fused=Estimate(0.55, 0.01)),
        alone=estimates({"gray": 0.98, "color": 0.45}),
    )
    assert [each.text for each in verdicts(found)] == [
        "fusion (0.550) is below gray alone (0.980 ± 0.010): -0.430 ± 0.014."
    ]
    assert kinds(replace(found, harm=estimates({"gray": -0.028, "color": 1}, 0.014))) == [
        ("none", "")
    ]
    # The best alone counts, and no other.
    best = replace(found, harm=estimates({"gray": 0.0, "color": -0.43}, 0.014))
    assert kinds(best) == [("none", "")]


def test_the_weightiest_kind_stands_first_and_each_modality_has_one():
    found = changed(
        evidence(
            held=estimates({"gray": 0.0, "color": -0.2}),
            harm=estimates({"gray": 0.0, "color": -0.2}),
            refit_gain=estimates({"gray": 0.0, "color": 0.0}),
        ),
        alone=estimates({"gray": 0.5, "color": 0.9}),
    )
    # Color would be redundant, too: but what an encoder has not learned no probe can tell.
    assert kinds(found) == [("under-trained", "color"), ("redundant", "gray"), ("harmful", "color")]


def contrasts(**signs):
    """Return evidence whose measures have such contrasts of a pair, with errors of .01."""
    found = {name: {("gray", "color"): Estimate(sign * 0.1, 0.01)} for name, sign in signs.items()}
    return evidence(contrasts=found)


def test_measures_that_agree():
    found = agreement(contrasts(utilization=0, gain=1, shapley=1, perceptual=1), "used")
    assert found.alike is True
    assert found.tau == {}
    assert found.text == "used: gain, Shapley and perceptual name gray; no opinion: utilization."
    assert found.opinions["gain"] == {("gray", "color"): 1}


def test_measures_that_dissent():
    found = agreement(contrasts(utilization=-1, gain=1, shapley=1, perceptual=1), "used")
    assert found.alike is False
    assert (
        found.text == "used: gain, Shapley and perceptual name gray, but utilization names color."
    )


def test_measures_without_opinions():
    found = agreement(contrasts(probe=0, blocked=0, alone=0), "learned")
    assert found.alike is None
    assert found.text == "learned: no measure tells the modalities apart."


def test_the_papers_speed_moves_with_the_scale_of_weights():
    numbers = contrasts(paper_speed=1, function_speed=-1)
    found = agreement(replace(numbers, seeds=(0, 1)), "speed")
    assert found.text == (
        "speed: the paper's speed names gray, but function speed names color; the paper's changes "
        "with the scale of weights."
    )


def test_speeds_of_a_single_run_have_no_error():
    found = agreement(
        evidence(contrasts={"paper_speed": {("gray", "color"): Estimate(1.0)}}), "speed"
    )
    assert found.alike is None
    assert found.text == "speed: no opinion, as errors of speeds are over seeds."


def test_classes_that_differ_answer_different_questions():
    numbers = contrasts(gain=1, shapley=1, probe=1, paper_speed=-1)
    told = {name: agreement(numbers, name) for name in CLASSES}
    assert disagreement(told) == (
        "used and learned name gray, speed names color: different questions, different answers."
    )
    split = {name: agreement(contrasts(gain=1, perceptual=-1, probe=1), name) for name in CLASSES}
    assert disagreement(split) == ""  # what is of two minds within names nobody


PAIRS = [("a", "b"), ("a", "c"), ("b", "c")]


def orders(*signs):
    return dict(zip(PAIRS, signs, strict=True))


@pytest.mark.parametrize(
    ("one", "other", "tau"),
    [
        ((1, 1, 1), (1, 1, 1), 1),
        ((1, 1, 1), (-1, -1, -1), -1),
        ((1, 1, 1), (1, 1, -1), 1 / 3),
        ((1, 1, 0), (1, 1, 1), 2 / math.sqrt(6)),
        ((1, 0, 0), (0, 1, 0), 0),
        ((0, 0, 0), (1, 1, 1), math.nan),
    ],
)
def test_kendalls_tau_over_pairs_with_opinions(one, other, tau):
    assert tau_b(orders(*one), orders(*other)) == pytest.approx(tau, nan_ok=True)


def test_three_modalities():
    def order(*signs):
        return {pair: Estimate(0.1 * s, 0.01) for pair, s in zip(PAIRS, signs, strict=True)}

    numbers = evidence(
        modalities=("a", "b", "c"), contrasts={"gain": order(1, 1, 0), "shapley": order(1, 1, -1)}
    )
    found = agreement(numbers, "used")
    assert found.tau == {("gain", "shapley"): pytest.approx(2 / math.sqrt(6))}
    assert found.alike is True
    assert found.text == (
        "used: gain and Shapley name a of a and b; gain and Shapley name a of a and c; Shapley "
        "names c of b and c."
    )


def test_three_modalities_in_words():
    names = ("a", "b", "c")
    singles = estimates(dict.fromkeys(names, 0.0))
    synergy = evidence(modalities=names, above_chance=singles)
    assert "no modality alone beats chance" in verdicts(synergy)[0].text
    assert "belongs to several" in verdicts(synergy)[0].text
    gains = estimates({"a": 0.3, "b": 0.3, "c": 0.05})
    heard = estimates({"a": 0.3, "b": 0.3, "c": 0.0})
    unheard = changed(evidence(modalities=names, refit_gain=gains), perceptual=heard)
    assert verdicts(unheard)[0].text.startswith("c carries 0.050 ± 0.010 that a and b lack (refit)")
