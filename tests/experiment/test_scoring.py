"""Scores of weights, also of those of a run that has ended."""

import shutil

import h5py
import numpy as np
import pytest

from mmbal.errors import DataFormatError, Interrupted, MmbalError
from mmbal.evaluation.results import Results
from mmbal.experiment import evaluate, run
from mmbal.experiment.building import build_network
from mmbal.experiment.scoring import Scorer, summary
from mmbal.report.outcome import error_name
from mmbal.strategies.strategy import Strategy


@pytest.fixture
def scorer(toys):
    """Return a function that builds the scorer of an untrained toy."""

    def make(**settings):
        config = toys.resolve(**settings).config
        data = toys.load()
        network = build_network(config, toys.catalogue, data)
        return Scorer(config, toys.catalogue, data, network, Strategy())

    return make


def test_scores_by_split_and_means_by_module(scorer):
    scores, means = scorer().score("last", "validation", "test")

    assert list(scores) == ["validation", "test"]
    assert {"accuracy", "branch_accuracy/a", "branch_accuracy/b", "loss", "d_util"} <= set(
        scores["test"].values
    )
    assert set(means) == {"squeeze_mean/gate_0/a", "squeeze_mean/gate_0/b"}
    assert all(mean.shape == (4,) for mean in means.values())


def test_scores_are_worked_by_hand(toys, scorer):
    made = scorer(evaluations=["accuracy"])
    network = made._context.predictor.network
    (inputs, labels), *_ = toys.load().test.dataset().batch(100)

    outputs = network(inputs)
    expected = np.mean(np.argmax(outputs.logits, -1) == labels)

    scores, _ = made.score("last", "test")
    assert scores["test"].values["accuracy"] == pytest.approx(expected)


def test_training_means_are_measured_once(toys, scorer):
    made = scorer()
    toys.log.clear()
    made.score("last", "validation", "test")

    assert toys.log.count("read train") == 1
    # One pass with normal gates, one with blocked ones.
    assert toys.log.count("read test") == 2


def test_what_is_not_asked_for_is_not_measured(toys, scorer):
    made = scorer(evaluations=["accuracy"])
    toys.log.clear()
    scores, means = made.score("last", "test")

    assert toys.log == ["read test"]
    names = {"accuracy", "branch_accuracy/a", "branch_accuracy/b", "loss"}
    assert set(scores["test"].values) == names | {error_name(name) for name in names}
    assert scores["test"].headlines == ["accuracy", "branch_accuracy/a", "branch_accuracy/b"]
    assert not means


def test_a_summary_keeps_modalities_in_order():
    values = {"accuracy": 0.5, "branch_accuracy/b": 0.25, "branch_accuracy/a": 0.5, "loss": 1.0}
    test = {**values, "utilization/b": 0.5, "utilization/a": float("nan"), "d_util": float("nan")}

    found = summary({"validation": Results(values), "test": Results(test)}, ("a", "b"))

    assert list(found) == ["validation", "test", "utilization", "d_util"]
    assert found["validation"] == values
    assert list(found["utilization"]) == ["a", "b"]
    assert np.isnan(found["utilization"]["a"])
    assert np.isnan(found["d_util"])


@pytest.mark.parametrize(
    ("split", "weights"), [("test", "selected"), ("validation", "selected"), ("test", "last")]
)
def test_numbers_are_those_of_the_run(toys, finished, split, weights):
    folder, _ = finished
    event = next(
        event
        for event in toys.journal(folder, "scores")
        if (event["split"], event["weights"]) == (split, weights)
    )

    scores = evaluate(folder, toys.catalogue, split, weights)

    assert scores.pop("run") == str(folder)
    assert (scores.pop("split"), scores.pop("weights")) == (split, weights)
    assert scores.pop("added") == []  # it was not told what to add
    told = {name: np.nan if value is None else value for name, value in event["values"].items()}
    assert scores == pytest.approx(told, nan_ok=True)


def test_training_split_and_data_folder(toys, finished, tmp_path):
    toys.log.clear()

    scores = evaluate(finished[0], toys.catalogue, "train", data_dir=tmp_path)

    assert 0 <= scores["accuracy"] <= 1
    assert toys.log[0] == f"load {tmp_path} 0"


def test_what_a_strategy_changed_in_the_network_holds_in_evaluation(toys, tmp_path):
    labels = [int(label) for _, label in toys.load().test.dataset()]
    last = labels.count(2) / len(labels)
    assert 0 < last < 1

    told = toys.run(tmp_path / "run", strategy__name="stubborn")["test"]
    assert toys.log.count("adapt") == 1
    assert told["accuracy"] == pytest.approx(last)

    assert evaluate(tmp_path / "run", toys.catalogue)["accuracy"] == pytest.approx(last)
    assert toys.log.count("adapt") == 2


def test_the_weights_it_started_from_are_not_needed_again(toys, tmp_path):
    initial = tmp_path / "initial"
    initial.write_text("of Kinetics")
    stopped = {
        "architecture__weights": str(initial),
        "callbacks": {"stopper": {"at": 7}},
        "checkpoint_steps": 2,
    }
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        toys.run(folder, **stopped)
    assert toys.log.count("weights of Kinetics") == 1
    initial.unlink()

    assert np.isfinite(evaluate(folder, toys.catalogue)["loss"])
    with pytest.raises(Interrupted):
        run(toys.resolve(**stopped), toys.catalogue, folder, resume=True)
    assert toys.journal(folder, "start")[-1]["resumed_at"] > 0
    with pytest.raises(MmbalError, match="initial: No such file or directory"):
        toys.run(tmp_path / "other", **stopped)


def test_missing_weights_are_named(toys, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (folder / "weights.weights.h5").unlink()

    with pytest.raises(MmbalError, match="no selected weights: weights.weights.h5 is missing"):
        evaluate(folder, toys.catalogue)


def test_weights_that_do_not_fit_are_named(toys, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("units = 4", "units = 6"))

    with pytest.raises(MmbalError, match="weights.weights.h5 does not fit this run"):
        evaluate(folder, toys.catalogue)


def test_weights_that_are_no_hdf5_are_named(toys, finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    (folder / "weights.weights.h5").write_bytes(b"nonsense")

    with pytest.raises(DataFormatError, match="weights.weights.h5: damaged .Unable"):
        evaluate(folder, toys.catalogue)


@pytest.mark.parametrize("trap", ["link", "storage"])
def test_weights_from_another_file_are_refused(toys, finished, tmp_path, trap):
    """Each trap holds the very weights: Keras would follow it, and score without a word."""
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    path = folder / "weights.weights.h5"
    names = []
    with h5py.File(path, "r+") as file:
        file.visititems(lambda name, it: names.append(name) if hasattr(it, "shape") else None)
        values = file[names[0]][()]
        del file[names[0]]
        if trap == "link":
            shutil.copy(finished[0] / path.name, tmp_path / "other.h5")
            file[names[0]] = h5py.ExternalLink(str(tmp_path / "other.h5"), names[0])
        else:
            raw = tmp_path / "raw"
            values.tofile(raw)
            storage = [(str(raw), 0, values.nbytes)]
            file.create_dataset(names[0], values.shape, values.dtype, external=storage)

    with pytest.raises(
        DataFormatError, match=f"weights.weights.h5: .*{names[0]} .*which is refused"
    ):
        evaluate(folder, toys.catalogue)
