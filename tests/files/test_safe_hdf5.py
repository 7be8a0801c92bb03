"""HDF5 files made to read or to claim what they should not."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal.files.safe_hdf5 import open_sealed

SECRET = np.arange(6.0)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["values"] = SECRET
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "some.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 3))
        file["layers/dense/vars/1"] = np.ones(3)
        file["layers/empty"] = h5py.Empty("f8")
    return path


def link_to_a_file(file: h5py.File, secret: Path) -> None:
    file["layers/dense/vars/2"] = h5py.ExternalLink(str(secret), "values")


def link_of_a_group(file: h5py.File, secret: Path) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = h5py.ExternalLink(str(secret), "/")


def link_by_name(file: h5py.File, secret: Path) -> None:
    file["layers/dense/vars/2"] = h5py.SoftLink("/layers/dense/vars/0")


def link_to_nothing(file: h5py.File, secret: Path) -> None:
    file["layers/dense/vars/2"] = h5py.SoftLink("/nowhere")


def external_storage(file: h5py.File, secret: Path) -> None:
    raw = secret.with_suffix(".raw")
    SECRET.tofile(raw)
    file.create_dataset("layers/dense/vars/2", (6,), "f8", external=[(str(raw), 0, 48)])


def virtual_values(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((6,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "values", (6,))
    file.create_virtual_dataset("layers/dense/vars/2", layout)


def bomb(file: h5py.File, secret: Path) -> None:
    file.create_dataset("layers/dense/vars/2", (10**12,), "f8", chunks=(1000,))


ELSEWHERE = [link_to_a_file, link_of_a_group, link_by_name, link_to_nothing]
ANOTHER_FILE = [external_storage, virtual_values]


def test_a_plain_file_passes(weights: Path) -> None:
    with open_sealed(weights) as file:
        assert file["layers/dense/vars/1"][()].tolist() == [1, 1, 1]


def test_hard_links_may_go_in_circles(weights: Path) -> None:
    with h5py.File(weights, "r+") as file:
        file["layers/dense/round"] = file["layers"]
        file["layers/again"] = file["layers/dense/vars/0"]

    with open_sealed(weights) as file:
        assert file["layers/dense/round/again"].shape == (2, 3)


@pytest.mark.parametrize("spoil", [link_to_a_file, external_storage, virtual_values])
def test_the_traps_are_real(
    weights: Path, secret: Path, spoil: Callable[[h5py.File, Path], None]
) -> None:
    with h5py.File(weights, "r+") as file:
        spoil(file, secret)
    with h5py.File(weights) as file:
        assert file["layers/dense/vars/2"][()].tolist() == SECRET.tolist()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        *((spoil, "is a link to elsewhere") for spoil in ELSEWHERE),
        *((spoil, "lies in another file") for spoil in ANOTHER_FILE),
        (bomb, "claims more values than the file can hold"),
    ],
)
def test_a_file_that_leads_elsewhere_is_refused(
    weights: Path, secret: Path, spoil: Callable[[h5py.File, Path], None], problem: str
) -> None:
    with h5py.File(weights, "r+") as file:
        spoil(file, secret)

    found = rf"some\.weights\.h5: damaged \(layers/dense/vars.* {problem}"
    with pytest.raises(DataFormatError, match=found), open_sealed(weights):
        pass


def test_what_a_reader_stumbles_over_is_told_of_the_file(weights: Path) -> None:
    damaged = r"some\.weights\.h5: damaged \(.*nothing"
    with pytest.raises(DataFormatError, match=damaged), open_sealed(weights) as file:
        file["nothing"]


def test_what_is_no_hdf5_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    path.write_bytes(b"nonsense")

    damaged = r"some\.weights\.h5: damaged \(Unable"
    with pytest.raises(DataFormatError, match=damaged), open_sealed(path):
        pass
