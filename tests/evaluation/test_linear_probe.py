"""Linear probes, against numbers of an independent program and worked by hand."""

import math

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.evaluation import linear_fit, linear_probe
from mmbal.evaluation.linear_fit import PENALTIES, Labelled, fit_linear_probe
from mmbal.evaluation.linear_probe import LinearProbe, fitted_probe
from mmbal.evaluation.statistics import nll, right, standard_error

NAN = math.nan
CHUNKS = 1e-9  # GiB: nothing fits


@pytest.fixture(scope="module")
def drawn():
    """Return 400 examples for training and 200 others, five columns of different sizes."""
    random = np.random.default_rng(0)
    scale = np.array([1, 1, 1, 10, 0.1])
    features = random.normal(size=(600, 5)) * scale
    scores = features / scale @ random.normal(size=(5, 3))
    labels = (scores + random.gumbel(size=(600, 3))).argmax(axis=1)
    return Labelled(features[:400], labels[:400]), Labelled(features[400:], labels[400:])


def changed(examples, change):
    return Labelled(change(examples.features), examples.labels)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_accuracy_and_nll_of_drawn_examples(drawn):
    train, test = drawn
    logits = fit_linear_probe(train, test, 3, penalties=(1e-2,)).logits(test.features)

    hits = right(logits, test.labels)
    assert hits.mean() == 0.685
    assert standard_error(hits) == pytest.approx(0.0328462, rel=1e-5)
    assert nll(logits, test.labels).mean() == pytest.approx(0.764868, abs=2e-6)


def test_scale_and_place_of_columns_do_not_matter(drawn):
    train, test = drawn
    first, second = (
        fit_linear_probe(changed(train, change), test, 3, penalties=(1e-2,)).logits(
            change(test.features)
        )
        for change in (lambda x: x, lambda x: x * [7, 1, 1, 1, 1] + 3)
    )
    assert np.abs(log_softmax(first) - log_softmax(second)).max() < 1e-10


@pytest.mark.parametrize("classes", [2, 3])
def test_chunks_have_the_optimum_of_scikit_learn(drawn, classes, monkeypatch):
    monkeypatch.setattr(linear_fit, "_CHUNK", 64 * 5)
    train, test = (Labelled(each.features, each.labels % classes) for each in drawn)

    whole, parts = (fit_linear_probe(train, test, classes, memory=each) for each in (1, CHUNKS))

    assert whole.penalty == parts.penalty
    differ = log_softmax(whole.logits(test.features)) - log_softmax(parts.logits(test.features))
    assert np.abs(differ).max() < 1e-8


@pytest.mark.parametrize("memory", [1, CHUNKS])
def test_the_optimum_has_no_gradient(drawn, memory):
    train, test = drawn
    fit = fit_linear_probe(train, test, 3, penalties=(1e-2,), memory=memory)

    columns = (train.features - train.features.mean(axis=0)) / train.features.std(axis=0)
    errors = np.exp(log_softmax(fit.logits(train.features))) - np.eye(3)[train.labels]
    assert np.abs(columns.T @ errors / 400 + 1e-2 * fit.weights).max() < 1e-5
    assert np.abs(errors.mean(axis=0)).max() < 1e-5


def test_more_features_fit_no_worse(drawn):
    train, test = drawn

    def objective(columns):
        examples = changed(train, lambda x: x[:, :columns])
        fit = fit_linear_probe(
            examples, changed(test, lambda x: x[:, :columns]), 3, penalties=(1e-2,)
        )
        loss = nll(fit.logits(examples.features), train.labels).mean()
        return loss + 1e-2 / 2 * np.square(fit.weights).sum()

    objectives = [objective(columns) for columns in range(1, 6)]
    assert objectives == sorted(objectives, reverse=True)


def test_columns_that_hardly_vary_are_left_out(drawn):
    train, test = drawn
    random = np.random.default_rng(1)

    def widened(features):
        still = 5 + 1e-7 * random.normal(size=(len(features), 1))
        return np.concatenate([features, still, np.zeros_like(still)], axis=1)

    fit = fit_linear_probe(train, test, 3)
    wide = fit_linear_probe(changed(train, widened), changed(test, widened), 3)

    assert wide.weights[5:].tolist() == [[0] * 3] * 2
    assert wide.weights[:5] == pytest.approx(fit.weights, rel=1e-6)


@pytest.mark.parametrize("memory", [1, CHUNKS])
def test_nothing_to_read_leaves_the_frequencies_and_the_strongest_penalty(memory):
    train = Labelled(np.ones((4, 2)), np.array([0, 1, 1, 1]))

    fit = fit_linear_probe(train, train, 3, memory=memory)

    assert fit.penalty == PENALTIES[0] == 1
    # A class that training lacks costs as much as the smallest float64.
    probabilities = np.exp(fit.logits(train.features[:1]))
    probabilities /= probabilities.sum()
    assert probabilities[0] == pytest.approx([0.25, 0.75, 2.2e-16], rel=1e-2)


def test_validation_chooses(drawn):
    random = np.random.default_rng(2)
    noise = Labelled(random.normal(size=(30, 20)), np.arange(30) % 3)
    other = Labelled(random.normal(size=(30, 20)), np.arange(30) % 3)
    assert fit_linear_probe(noise, other, 3).penalty == PENALTIES[0]
    assert fit_linear_probe(noise, noise, 3).penalty == PENALTIES[-1]

    train, test = drawn
    chosen = fit_linear_probe(train, test, 3)
    losses = [
        nll(fit_linear_probe(train, test, 3, penalties=(p,)).logits(test.features), test.labels)
        for p in PENALTIES
    ]
    assert chosen.penalty == PENALTIES[np.argmin([each.mean() for each in losses])]


def test_penalties_end_after_two_that_made_validation_worse():
    random = np.random.default_rng(2)
    noise, other = (Labelled(random.normal(size=(30, 20)), np.arange(30) % 3) for _ in range(2))

    assert fit_linear_probe(noise, other, 3, penalties=(1, 0.1, 10)).penalty == 10
    assert fit_linear_probe(noise, other, 3, penalties=(1, 0.1, 0.01, 10)).penalty == 1


@pytest.mark.parametrize("memory", [1, CHUNKS])
def test_a_fit_that_does_not_converge_says_so(drawn, memory, monkeypatch):
    train, test = drawn
    assert fit_linear_probe(train, test, 3, memory=memory).remarks == ()

    monkeypatch.setattr(linear_fit, "_STEPS", 1)
    assert fit_linear_probe(train, test, 3, memory=memory).remarks == ("the fit did not converge",)


def test_one_class_in_training_is_predicted():
    train = Labelled(np.arange(3.0)[:, None], np.array([1, 1, 1]))
    fit = fit_linear_probe(train, Labelled(train.features, np.array([0, 1, 1])), 2)

    assert fit.remarks == ("training has class 1 alone, which is predicted",)
    logits = fit.logits(train.features)
    assert right(logits, np.array([0, 1, 1])).tolist() == [0, 1, 1]
    assert nll(logits, np.array([0, 1, 1])) == pytest.approx([36.0437, 0, 0], rel=1e-5, abs=1e-12)


def test_features_that_are_not_finite_take_no_part(drawn):
    train, test = drawn
    spoilt = Labelled(
        np.concatenate([train.features, [[NAN] * 5, [1, 1, math.inf, 1, 1]]]),
        np.append(train.labels, [0, 0]),
    )

    fit = fit_linear_probe(spoilt, test, 3)

    assert fit.remarks == ("2 training examples have features that are not finite",)
    assert fit.weights == pytest.approx(fit_linear_probe(train, test, 3).weights)
    logits = fit.logits(spoilt.features[-2:])
    assert right(logits, np.array([0, 0])).tolist() == [0, 0]
    assert np.isnan(nll(logits, np.array([0, 0]))).all()


def test_no_examples_are_refused():
    some, none = Labelled(np.ones((2, 1)), np.array([0, 1])), Labelled(np.ones((0, 1)), np.ones(0))
    with pytest.raises(MmbalError, match="finite features, received 2 and 0"):
        fit_linear_probe(some, none, 2)


SLICES = {
    "a": np.array([[1.0], [1.5], [2.0], [2.5], [3.0], [3.5]]),
    "b": np.array([[-3.0], [-2.5], [-1.2], [-1.8], [-1.0], [-0.5]]),
}


def context(given, columns=SLICES, labels=(0, 0, 0, 1, 1, 1), splits=("train", "validation")):
    splits = (*splits, "test")
    return given(
        dict.fromkeys(splits, labels),
        columns=dict.fromkeys(splits, columns),
        modalities=tuple(columns),
    )


def test_slices_are_read_by_probes(given):
    scores = {score.name: score for score in LinearProbe()(context(given))}

    assert [*scores] == [
        f"{score}/{features}"
        for features in ("a", "b", "a+b")
        for score in (
            "probe_accuracy", "probe_nll", "subset_accuracy@refit", "subset_nll@refit",
            "probe_lambda", "probe_at_border",
        )
    ]  # fmt: skip
    assert scores["probe_accuracy/a"].value == 1
    assert scores["probe_accuracy/b"].value == pytest.approx(2 / 3)
    assert scores["probe_accuracy/b"].error == pytest.approx(math.sqrt(2 / 9 / 6))
    assert scores["subset_accuracy@refit/b"][1:3] == scores["probe_accuracy/b"][1:3]
    # What can be told apart is told apart best with the weakest penalty.
    assert (scores["probe_lambda/a"].value, scores["probe_at_border/a"].value) == (1e-6, 1)
    assert scores["probe_lambda/a"].error is None
    assert [name for name, score in scores.items() if score.headline] == [
        "probe_accuracy/a", "probe_accuracy/b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "modalities", "probed"),
    [
        (["singles"], "abc", "a b c"),
        (["pairs"], "abc", "a+b a+c b+c"),
        (["all"], "abc", "a+b+c"),
        (["singles", "pairs", "all"], "abc", "a b c a+b a+c b+c a+b+c"),
        (["pairs", "all"], "ab", "a+b"),
        (["singles", "pairs", "all"], "a", "a"),
    ],
)
def test_what_is_probed(given, of, modalities, probed):
    columns = {m: np.arange(6.0)[:, None] for m in modalities}
    names = [score.name for score in LinearProbe(of=of)(context(given, columns))]
    assert [name.split("/")[1] for name in names[::6]] == probed.split()


def test_remarks_name_the_features(given):
    one = context(given, {"b": SLICES["b"]}, labels=(1,) * 6)
    with pytest.warns(UserWarning, match="linear probe of b: training has class 1 alone"):
        scores = {score.name: score.value for score in LinearProbe()(one)}
    assert scores["probe_accuracy/b"] == 1
    assert scores["probe_at_border/b"] == 0


def test_one_scored_example_has_no_error(given):
    several = context(given)
    several.labels["test"] = [1]
    several.columns["test"] = {m: columns[-1:] for m, columns in SLICES.items()}
    score = next(iter(LinearProbe()(several)))
    assert score[:2] == ("probe_accuracy/a", 1)
    assert math.isnan(score.error)


@pytest.mark.parametrize("refits", [1, 5])
def test_refits(given, drawn, refits):
    examples = given(
        {split: each.labels for split, each in zip(("train", "test"), drawn, strict=True)},
        columns={s: {"a": e.features} for s, e in zip(("train", "test"), drawn, strict=True)},
        modalities=("a",),
        classes=3,
    )
    examples.labels["validation"] = examples.labels["test"]
    examples.columns["validation"] = examples.columns["test"]
    first, second = (
        {score.name: score.value for score in LinearProbe(refits=refits)(examples)}
        for _ in range(2)
    )

    spread = first["probe_refit_deviation/a"]
    assert math.isnan(spread) if refits == 1 else 0 < spread < 0.05
    assert second["probe_refit_deviation/a"] == pytest.approx(spread, nan_ok=True)
    assert "probe_refit_deviation/a" not in [s.name for s in LinearProbe()(examples)]


def test_memory_is_an_option(given, monkeypatch):
    monkeypatch.setattr(linear_fit, "_in_memory", None)
    assert next(iter(LinearProbe(memory=CHUNKS)(context(given)))).value == 1


@pytest.mark.parametrize("pool", ["mean", "grid", "flat"])
def test_features_are_pooled_as_asked(given, pool):
    part = {"mean": "features", "grid": "grids", "flat": "flats"}[pool]
    several, read = context(given), set()

    def features(split, modalities, part):
        read.add(part)
        return np.concatenate([several.columns["test"][m] for m in modalities], axis=1)

    several.features = features
    probe = LinearProbe(pool=pool)
    assert next(iter(probe(several))).value == 1
    assert read == {part}
    assert probe.needs() == {"features", part}


def test_a_probe_is_fitted_once_for_all_that_read_it(given, monkeypatch):
    made = context(given)
    scores = [*LinearProbe(of=["singles"])(made)]
    fit = fitted_probe(made, ("a",))
    monkeypatch.setattr(linear_probe, "fit_linear_probe", None)
    assert fitted_probe(made, ("a",)) is fit
    assert [*LinearProbe(of=["singles"])(made)] == scores


def test_without_validation_it_says_so(given):
    with pytest.raises(
        MmbalError, match="chooses its penalty on validation examples, and there are none"
    ):
        next(iter(LinearProbe()(context(given, splits=("train",)))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": ["single"]}, r"'singles', 'pairs' or 'all'.*did you mean 'singles'\?"),
        ({"pool": "max"}, "'mean', 'grid' or 'flat'"),
        ({"refits": -1}, "refits must be greater than or equal to 0, received -1"),
        ({"memory": 0}, "memory must be greater than 0, received 0"),
    ],
)
def test_illegal_options(options, message):
    with pytest.raises(MmbalError, match=message):
        LinearProbe(**options)
