"""Further scores of a run that has ended, in its record."""

import shutil

import h5py
import numpy as np
import pytest

from mmbal.errors import ConfigError, MmbalError
from mmbal.experiment import evaluate
from mmbal.records.run_folder import RunFolder


@pytest.fixture
def folder(finished, tmp_path):
    """Return a copy of a finished run."""
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_scores_go_into_the_record_once(toys, folder):
    before = RunFolder(folder).open().scores["test", "selected"]
    first = evaluate(folder, toys.catalogue, wanted=["answer"])

    assert (first["answer"], first["added"]) == (42.0, ["answer"])
    assert RunFolder(folder).open().scores["test", "selected"] == {**before, "answer": 42.0}
    (folder / "record.h5").unlink()  # the journal has them, too
    assert RunFolder(folder).open().scores["test", "selected"]["answer"] == 42.0

    told = contents(folder)
    toys.log.clear()
    again = evaluate(folder, toys.catalogue, wanted=["answer"])
    assert (again["answer"], again["added"]) == (42.0, [])
    assert not toys.log  # nothing was loaded for it
    assert contents(folder) == told

    other = evaluate(folder, toys.catalogue, "validation", "last", wanted=["answer"])
    assert other["added"] == ["answer"]
    assert RunFolder(folder).open().scores["validation", "last"]["answer"] == 42.0


def test_what_the_run_measured_itself_is_not_measured_again(toys, folder):
    again = evaluate(folder, toys.catalogue, wanted=["accuracy"])

    assert again["added"] == []
    assert again["accuracy"] == RunFolder(folder).open().scores["test", "selected"]["accuracy"]


def test_other_data_are_scored_and_not_recorded(toys, folder):
    told = contents(folder)
    found = evaluate(folder, toys.catalogue, wanted=["answer"], other_data=True)

    assert (found["answer"], found["added"]) == (42.0, [])
    assert contents(folder) == told


def test_mistakes_leave_the_record_as_it_was(toys, folder):
    told = contents(folder)
    with pytest.raises(MmbalError, match="unknown evaluation 'anser'; did you mean 'answer'"):
        evaluate(folder, toys.catalogue, wanted=["anser"])
    with pytest.raises(ConfigError, match="--set epochs=3: of a run that was trained"):
        evaluate(folder, toys.catalogue, overrides=[("epochs", 3, "--set epochs=3")])
    (folder / "weights.weights.h5").write_bytes(b"nonsense")
    with pytest.raises(MmbalError, match="damaged"):
        evaluate(folder, toys.catalogue, wanted=["answer"])
    (folder / "weights.weights.h5").write_bytes(told["weights.weights.h5"])
    assert contents(folder) == told


def test_predictions_are_kept(toys, folder):
    scores = evaluate(folder, toys.catalogue, save_predictions=True)

    with h5py.File(folder / "predictions" / "test-selected.h5") as file:
        hits = np.argmax(file["logits"][:], axis=1) == file["labels"][:]
        assert {"unimodal/a", "ids", "losses"} <= {*file, "unimodal/a"}
        assert file.attrs["weights"] == "selected"
    assert scores["accuracy"] == pytest.approx(hits.mean())
