"""Scoring a run again."""

import shutil

import h5py
import numpy as np
import pytest

from mmbal.errors import DataFormatError, Interrupted, MmbalError
from mmbal.experiment import evaluate, run


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
    with pytest.raises(MmbalError, match="FileNotFoundError"):
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
