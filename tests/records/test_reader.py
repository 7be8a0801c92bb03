from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmbal.errors import DataFormatError, MmbalError
from mmbal.records.reader import read_record
from mmbal.records.run_folder import RunFolder


@pytest.fixture
def path(write_run: Callable[..., Path]) -> Path:
    run = RunFolder(write_run())
    run.consolidate()
    return run.record


def replace(path: Path, name: str, value: object) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        if value is not None:
            file[name] = value


def test_a_newer_version_asks_for_an_upgrade(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 2

    with pytest.raises(MmbalError, match="schema version 2 is newer than 1.*upgrade") as caught:
        read_record(path)
    assert not isinstance(caught.value, DataFormatError)


def test_a_record_without_notes_is_of_an_older_mmbal(path: Path) -> None:
    assert read_record(path).notes == {"left_out": 2, "drawn": [3, None]}
    replace(path, "run/notes", None)
    assert read_record(path).notes == {}
    with h5py.File(path, "r+") as file:
        file["run/notes"] = np.bytes_("[]")
    with pytest.raises(DataFormatError, match="run/notes"):
        read_record(path)


def test_links_to_elsewhere_are_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["seed"] = 3
        file["loss"] = np.zeros(8)
    for link in (h5py.ExternalLink(str(other), "seed"), h5py.SoftLink("/run/epochs")):
        replace(path, "run/seed", link)
        with pytest.raises(DataFormatError, match=r"record\.h5: .*run/seed is a link"):
            read_record(path)
    replace(path, "run", h5py.ExternalLink(str(other), "/"))
    with pytest.raises(DataFormatError, match="run is a link"):
        read_record(path)


def test_data_in_other_files_is_refused(path: Path, tmp_path: Path) -> None:
    layout = h5py.VirtualLayout((8,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "loss", (8,))
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_virtual_dataset("step/loss", layout)

    with pytest.raises(DataFormatError, match="step/loss lies in another file"):
        read_record(path)


def test_values_in_a_raw_file_are_refused(path: Path, tmp_path: Path) -> None:
    raw = tmp_path / "secret"
    np.arange(8.0).tofile(raw)
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_dataset("step/loss", (8,), "f8", external=[(str(raw), 0, 64)])

    with pytest.raises(DataFormatError, match="step/loss lies in another file"):
        read_record(path)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("run/recipe", None, "no dataset run/recipe"),
        ("run/recipe", 3, "run/recipe holds int64, expected text"),
        ("step/loss", "text", "step/loss holds object, expected float64"),
        ("step/loss", np.zeros((8, 1)), "step/loss has 2 axes, expected 1"),
        ("step/loss", np.zeros(7), "axis step is"),
        ("epoch/d_speed", np.zeros(1), "axis epoch is"),
        ("run/status", np.bytes_("asleep"), "run/status is 'asleep'"),
        ("run/result", np.bytes_("["), "damaged "),
        ("run/result", np.bytes_("[]"), "no JSON object"),
    ],
)
def test_what_breaks_the_schema_is_named(
    path: Path, name: str, value: object, problem: str
) -> None:
    replace(path, name, value)

    with pytest.raises(DataFormatError, match=rf"record\.h5: .*{problem}"):
        read_record(path)


def test_a_claim_larger_than_the_file_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["step/loss"]
        file.create_dataset("step/loss", (10**12,), "f8", chunks=(1000,))

    with pytest.raises(DataFormatError, match="claims more values"):
        read_record(path)


def test_another_hdf5_file_is_no_record(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1

    with pytest.raises(DataFormatError, match="no record of mmbal"):
        read_record(tmp_path / "other.h5")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_named(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    with pytest.raises(DataFormatError, match=r"record\.h5: damaged "):
        read_record(path)


def test_nothing_there_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match="expected an HDF5 file that `mmbal run` wrote"):
        read_record(tmp_path)
