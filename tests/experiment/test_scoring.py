"""Scores of weights, and their one object."""

import numpy as np
import pytest

from mmbal.experiment.building import build_network
from mmbal.experiment.scoring import Scorer, summary


@pytest.fixture
def scorer(toys):
    """Return a function that builds the scorer of an untrained toy."""

    def make(**settings):
        config = toys.resolve(**settings).config
        data = toys.load()
        network = build_network(config, toys.catalogue, data)
        return Scorer(config, toys.catalogue, data, network)

    return make


def test_scores_by_split_and_means_by_module(scorer):
    scores, means = scorer().score("validation", "test")

    assert list(scores) == ["validation", "test"]
    assert {"accuracy", "accuracy/a", "accuracy/b", "loss", "d_util"} <= set(scores["test"])
    assert set(means) == {"squeeze_mean/gate_0/a", "squeeze_mean/gate_0/b"}
    assert all(mean.shape == (4,) for mean in means.values())


def test_scores_are_worked_by_hand(toys, scorer):
    made = scorer(evaluations=["accuracy"])
    network = made._probe.network
    (inputs, labels), *_ = toys.load().test.dataset().batch(100)

    outputs = network(inputs)
    expected = np.mean(np.argmax(outputs.logits, -1) == labels)

    scores, _ = made.score("test")
    assert scores["test"]["accuracy"] == pytest.approx(expected)


def test_training_means_are_measured_once(toys, scorer):
    made = scorer()
    toys.log.clear()
    made.score("validation", "test")

    assert toys.log.count("read train") == 1
    # One pass with normal gates, one with blocked ones.
    assert toys.log.count("read test") == 2


def test_what_is_not_asked_for_is_not_measured(toys, scorer):
    made = scorer(evaluations=["accuracy"])
    toys.log.clear()
    scores, means = made.score("test")

    assert toys.log == ["read test"]
    assert set(scores["test"]) == {"accuracy", "accuracy/a", "accuracy/b", "loss"}
    assert not means


def test_a_summary_keeps_modalities_in_order():
    values = {"accuracy": 0.5, "accuracy/b": 0.25, "accuracy/a": 0.5, "loss": 1.0}
    test = {**values, "utilization/b": 0.5, "utilization/a": float("nan"), "d_util": float("nan")}

    found = summary({"validation": values, "test": test}, ("a", "b"))

    assert list(found) == ["validation", "test", "utilization", "d_util"]
    assert list(found["test"]["accuracy_by_modality"].items()) == [("a", 0.5), ("b", 0.25)]
    assert list(found["utilization"]) == ["a", "b"]
    assert np.isnan(found["utilization"]["a"])
    assert np.isnan(found["d_util"])
