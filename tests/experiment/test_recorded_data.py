"""Where the data of a run are looked for, and what is said of others."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mmbal.cli import cli
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.errors import DataFormatError, MmbalError
from mmbal.experiment import evaluate
from mmbal.experiment.identity import data_facts
from mmbal.experiment.recorded_data import load_recorded, whereabouts
from mmbal.records.run_folder import RunFolder


class Folder(DatasetSource):
    """As many training examples as the folder's file says."""

    def __init__(self):
        self.loaded = []

    def load(self, data_dir, seed):
        self.loaded.append(data_dir)
        if not (data_dir / "count").is_file():
            raise MmbalError(f"{data_dir}: no count")
        count = int((data_dir / "count").read_text())
        splits = {
            split: Examples.from_arrays({"a": np.zeros((n, 1), "float32")}, np.zeros(n, int))
            for split, n in {"train": count, "validation": 2, "test": 2}.items()
        }
        return MultimodalDataset(
            {"a": Modality((1,))}, ("x",), fingerprint=f"{count:064d}", **splits
        )


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that writes data; the working directory is `project`."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def write(folder, count=5):
        Path(folder).mkdir(parents=True)
        Path(folder, "count").write_text(str(count))

    return write


@pytest.fixture
def recorded(toys, put):
    """Return what was recorded of a run on 5 examples in `data`, as typed: its arguments."""
    put("data")
    run, config = RunFolder("runs/r"), toys.resolve(data_dir="data").config
    run.path.mkdir(parents=True)
    data = Folder().load(Path("data"), 0)
    start = {"event": "start", "data": data_facts(data)}
    run.journal.write_text(json.dumps(start) + "\n")
    provenance = {**whereabouts(config, run), "dataset_fingerprint": data.fingerprint}
    return config, provenance


def load(recorded, run="runs/r", data_dir=None, **options):
    config, provenance = recorded
    if data_dir is not None:
        config = config.model_copy(update={"data_dir": Path(data_dir)})
    source = Folder()
    named = data_dir is not None
    _, data = load_recorded(source, config, RunFolder(run), provenance, named=named, **options)
    return len(data.train), source.loaded


def test_what_is_stored(recorded, tmp_path):
    config, provenance = recorded
    assert config.data_dir == tmp_path / "project/data"
    assert provenance["data_dir"] == str(tmp_path / "project/data")
    assert provenance["data_dir_from_run"] == "../../data"
    assert whereabouts(config.model_copy(update={"data_dir": None}), RunFolder("r")) == {}


def test_any_working_directory(recorded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load(recorded, tmp_path / "project/runs/r") == (5, [tmp_path / "project/data"])


def test_a_project_that_has_moved(recorded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("project").rename("moved")
    count, [place] = load(recorded, "moved/runs/r")
    assert count == 5
    assert os.path.normpath(place) == os.path.normpath("moved/data")


def test_data_beside_a_run_that_has_moved(recorded, tmp_path):
    Path("data").rename("runs/r/data")
    assert load(recorded) == (5, [Path("runs/r/data")])


def test_the_first_that_matches_is_taken(recorded, put, tmp_path):
    Path("data/count").write_text("6")
    put("runs/r/data")
    assert load(recorded) == (5, [tmp_path / "project/data", Path("runs/r/../../data"),
                                  Path("runs/r/data")])  # fmt: skip


def test_a_place_without_data_is_passed_over(recorded, put):
    Path("data/count").unlink()
    put("runs/r/data")
    assert load(recorded)[0] == 5


def test_other_data_are_refused_with_what_differs(recorded, put):
    put("others", 7)
    with pytest.raises(MmbalError) as caught:
        load(recorded, data_dir="others")
    message = str(caught.value)
    assert message.startswith(
        "runs/r was trained on other data than stand in others: fingerprint 000000000000, recorded"
    )
    assert "; train 7 examples (" in message
    assert ", recorded 5 examples (" in message
    assert "validation" not in message
    assert message.endswith("with --data-dir, or score these with --other-data")
    assert load(recorded, data_dir="others", strict=False) == (7, [Path("others")])


def test_equal_counts_and_labels_with_other_contents(recorded):
    config, provenance = recorded
    other = config, {**provenance, "dataset_fingerprint": "ab"}
    with pytest.raises(MmbalError, match="counts and labels are equal, contents are not"):
        load(other)


def test_no_data_anywhere(recorded):
    Path("data/count").unlink()
    with pytest.raises(MmbalError, match="data: no count"):
        load(recorded)
    Path("data").rmdir()
    with pytest.raises(MmbalError, match="data: no count"):
        load(recorded)
    with pytest.raises(MmbalError, match="absent: no count"):
        load(recorded, data_dir="absent")


def test_a_run_that_has_not_begun_looks_where_it_is_told(recorded):
    config, _ = recorded
    assert load((config, {})) == (5, [config.data_dir])


def test_evaluation_of_other_data_is_refused_and_never_recorded(toys, finished, monkeypatch):
    folder, _ = finished
    source = type(toys.catalogue.build("dataset", "toy", toys.resolve().config.dataset.options))
    load = source.load
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    monkeypatch.setattr(
        source, "load", lambda *given: dataclasses.replace(load(*given), fingerprint="other")
    )

    with pytest.raises(MmbalError, match="fingerprint other, recorded is toy0; counts and labels"):
        evaluate(folder, toys.catalogue)
    assert 0 <= evaluate(folder, toys.catalogue, other_data=True)["accuracy"] <= 1

    def faulty(*given):
        data = load(*given)
        return dataclasses.replace(data, class_names=("zero", "one"))

    monkeypatch.setattr(source, "load", faulty)
    with pytest.raises(DataFormatError, match=r"^test example \d+: label 2, expected 0\.\.1"):
        evaluate(folder, toys.catalogue, other_data=True)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_evaluate_offers_it():
    names = {parameter.name for parameter in cli.get_command(None, "evaluate").params}
    assert {"data_dir", "other_data"} <= names
