"""The program of a process that trains, in this one."""

from pathlib import Path

import numpy as np

from mmbal.laboratory import program


def train(strategy, setting):
    """Count in the place of a training."""
    return {"rows": np.arange(setting["rows"]) * strategy.num_replicas_in_sync}


def test_arrays_are_written_with_the_number_of_replicas(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "counting.py").write_text(Path(__file__).read_text())
    order = {
        "distribute": "none", "logical_devices": None, "train": "counting:train",
        "setting": {"rows": 3},
        "seconds": 0,  # no alarm
    }  # fmt: skip

    program.main(order, tmp_path / "arrays.npz")

    with np.load(tmp_path / "arrays.npz") as file:
        assert {name: array.tolist() for name, array in file.items()} == {
            "rows": [0, 1, 2],
            "replicas": 1,
        }
