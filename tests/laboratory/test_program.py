"""The program of a process that trains, in this one."""

from pathlib import Path

import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.laboratory import program


def train(strategy, setting):
    """Count in the place of a training."""
    return {"rows": np.arange(setting["rows"]) * strategy.num_replicas_in_sync}


ORDER = {
    "distribute": "none", "logical_devices": None, "replicas": 1, "train": "counting:train",
    "setting": {"rows": 3},
    "seconds": 0,  # no alarm
}  # fmt: skip


def test_arrays_are_written(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "counting.py").write_text(Path(__file__).read_text())

    program.main(ORDER, tmp_path / "arrays.npz")

    with np.load(tmp_path / "arrays.npz") as file:
        assert {name: array.tolist() for name, array in file.items()} == {"rows": [0, 1, 2]}


def test_another_number_of_replicas_is_no_training(tmp_path):
    with pytest.raises(MmbalError, match="it would train on 1 replicas, not on 2"):
        program.main(ORDER | {"replicas": 2}, tmp_path / "arrays.npz")


def test_any_number_of_replicas_will_do_where_none_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(program, "resolve_name", lambda _: train)

    program.main(ORDER | {"replicas": 0}, tmp_path / "arrays.npz")

    assert (tmp_path / "arrays.npz").is_file()
