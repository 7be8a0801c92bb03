"""What the measures say of the Bayes rule, of bits whose every right answer is known."""

import itertools
import math

import numpy as np
import pytest

from mmbal.evaluation import EvaluationContext, Subsets, Utilization
from mmbal.strategies import coalitions, shapley_values
from mmbal_measures import Calibration, Gain, PairwiseUtilization, Perceptual, Shapley

EXACT = 1e-9
# By configuration: Shapley values in accuracy and nats, perceptual scores as they are and relative
# to model and task; of the measures of mmbal itself gains in accuracy and nats, and utilization.
SHAPLEY = {
    "redundant": ([0.2, 0.2], [0.257, 0.257]),
    "redundant-uneven": ([0.25, 0.15], [0.308, 0.133]),
    "unique": ([0.2925, 0.2175], [0.495, 0.193]),
    "synergy": ([0.16, 0.16], [0.111, 0.111]),
    "mixed": ([0.314, 0.150, 0.113], [0.803, 0.244, 0.111]),
}
PERCEPTUAL = {
    "redundant-uneven": ([0.4, 0], [0.444, 0], [0.8, 0]),
    "unique": ([0.36, 0.285], [0.474, 0.375], [0.48, 0.38]),
    "synergy": ([0.32, 0.32], [0.390, 0.390], [0.64, 0.64]),
    "mixed": ([0.496, 0.274, 0.274], [0.708, 0.390, 0.390], [0.567, 0.313, 0.313]),
}
OTHERS = {
    "redundant": ([0, 0], [0.146, 0.146], [0, 0]),
    "redundant-uneven": ([0.1, 0], [0.248, 0.073], [0, 0.111]),
    "unique": ([0.36, 0.285], [0.495, 0.193], [0.375, 0.474]),
    "synergy": ([0.32, 0.32], [0.222, 0.222], [0.390, 0.390]),
    "mixed": ([0.373, 0.274, 0.274], [0.743, 0.294, 0.222], [0.390, 0.715, 0.822]),
}
ROUNDED = 6e-4


class Truth:
    """A configuration: a context of its Bayes rule, and what every subset is worth."""

    def __init__(self, name, bits, context):
        self.name, self.context, self.names = name, context, context.modalities
        self.worth = {}
        for size in range(len(self.names) + 1):
            for subset in itertools.combinations(self.names, size):
                accuracies, logs = zip(*(bit.scores(subset) for bit in bits), strict=True)
                self.worth[subset] = math.prod(accuracies), sum(logs)

    def without(self, modality, measure=0):
        return self.worth[tuple(m for m in self.names if m != modality)][measure]


SLOW = pytest.param("mixed", marks=pytest.mark.deep)  # 400,000 examples have its shares


@pytest.fixture(
    scope="module", params=["redundant", "redundant-uneven", "unique", "synergy", "coarse", SLOW]
)
def truth(request, population):
    return Truth(request.param, *population(request.param))


def values(found, score, names):
    return [found[f"{score}/{m}"].value for m in names]


def test_shapley(truth, scored):
    found, count = scored(Shapley(), truth.context), len(truth.names)
    for measure, score in enumerate(("shapley_accuracy", "shapley_nats")):
        worth = {s: truth.worth[tuple(truth.names[i] for i in s)] for s in coalitions(count)}
        nothing = truth.worth[()][measure]
        right = shapley_values({s: v[measure] - nothing for s, v in worth.items()}, count)
        answers = values(found, f"{score}@mean", truth.names)
        assert answers == pytest.approx(right, abs=EXACT)
        if truth.name in SHAPLEY:
            assert right == pytest.approx(SHAPLEY[truth.name][measure], abs=ROUNDED)
        whole = found[f"{score}_whole@mean"].value
        assert whole == pytest.approx(truth.worth[truth.names][measure] - nothing, abs=EXACT)
        assert found[f"{score}_sum@mean"].value == pytest.approx(whole, abs=1e-12)


def test_gains_and_utilization(truth, scored):
    found = scored(Subsets(absences=("mean",)), truth.context)
    for measure, score in enumerate(("gain@mean", "gain_nats@mean")):
        all_of_them = truth.worth[truth.names][measure]
        right = [all_of_them - truth.without(m, measure) for m in truth.names]
        assert values(found, score, truth.names) == pytest.approx(right, abs=EXACT)
        if truth.name in OTHERS:
            assert right == pytest.approx(OTHERS[truth.name][measure], abs=ROUNDED)

    found = scored(Utilization(), truth.context)
    accuracy = truth.worth[truth.names][0]
    right = [(accuracy - truth.worth[m,][0]) / accuracy for m in truth.names]
    assert values(found, "utilization", truth.names) == pytest.approx(right, abs=EXACT)
    if truth.name in OTHERS:
        assert right == pytest.approx(OTHERS[truth.name][2], abs=ROUNDED)


def test_pairwise_utilization(truth, scored):
    found = scored(PairwiseUtilization(), truth.context)
    accuracy = truth.worth[truth.names][0]
    for one, other in itertools.permutations(truth.names, 2):
        right = (accuracy - truth.without(other)) / accuracy
        rate = found[f"pairwise_utilization/{one}+{other}"]
        assert rate.value == pytest.approx(right, abs=EXACT)
    assert not [name for name in found if name.startswith("near_chance")]


def test_the_bayes_rule_is_calibrated(truth, scored):
    found = scored(Calibration(bins=20), truth.context)
    accuracy, logs = truth.worth[truth.names]
    assert found["nll"].value == pytest.approx(-logs, abs=EXACT)
    # By width every confidence has a bin of its own, in which it is the accuracy.
    assert found["ece_width"].value == pytest.approx(0, abs=EXACT)
    curve = found["reliability"].values[0]
    filled = curve[:, 0] > 0
    assert curve[filled, 1] == pytest.approx(curve[filled, 2], abs=EXACT)
    assert np.average(curve[filled, 2], weights=curve[filled, 0]) == pytest.approx(accuracy)


@pytest.mark.parametrize("name", [*PERCEPTUAL])
def test_perceptual(name, sample, scored):
    context = sample(name)
    found = scored(Perceptual(), context)
    for score, right in zip(
        ("perceptual", "perceptual_model", "perceptual_task"), PERCEPTUAL[name], strict=True
    ):
        for modality, each in zip(context.modalities, right, strict=True):
            of = found[f"{score}/{modality}"]
            assert of.error < 0.04
            assert abs(of.value - each) <= 4 * of.error + ROUNDED


def test_of_two_that_tell_the_same_whichever_is_heard_scores(sample, scored):
    found = scored(Perceptual(), sample("redundant"))
    both = [found[f"perceptual/{m}"] for m in "ab"]
    error = math.hypot(*(score.error for score in both))
    assert sum(score.value for score in both) == pytest.approx(0.4, abs=4 * error)


def everywhere(context):
    """Return a context whose training and validation are what is scored."""
    splits = dict.fromkeys(("train", "validation", "test"), context.splits["test"])
    return EvaluationContext(context.predictor, splits, reads=frozenset({"features"}))


@pytest.mark.parametrize(
    ("name", "gains"),
    [("redundant-uneven", [0.1, 0]), ("unique", [0.36, 0.285]), ("synergy", None)],
)
def test_gains_of_what_is_read_anew(name, gains, population, scored):
    bits, context = population(name)
    context = everywhere(context)
    found = scored(Gain(), context)
    if gains is not None:
        assert values(found, "gain@refit", "ab") == pytest.approx(gains, abs=EXACT)
        truth = Truth(name, bits, context)
        nats = [truth.worth[truth.names][1] - truth.without(m, 1) for m in "ab"]
        assert values(found, "gain_nats@refit", "ab") == pytest.approx(nats, abs=1e-3)
    else:  # a sum of what each tells cannot tell a parity
        assert values(found, "gain_nats@refit", "ab") == pytest.approx([0, 0], abs=1e-6)

    shares = scored(Shapley(absences=("refit",)), context)
    whole = shares["shapley_nats_whole@refit"].value
    assert sum(values(shares, "shapley_nats@refit", "ab")) == pytest.approx(whole, abs=1e-12)
    assert found["gain_nats@refit/a"].value <= shares["shapley_nats@refit/a"].value + 1e-3
