"""Files with and without pickles, and the moment they are read."""

import pickle

import numpy as np
import pytest

from mmbal.testing.pickles import holds_pickle, unpicklings

OBJECTS = np.array([{"a": 1}], dtype=object)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_known_by_its_first_bytes(tmp_path, protocol):
    path = tmp_path / "innocent.bin"
    path.write_bytes(pickle.dumps([1, 2], protocol))
    assert holds_pickle(path)


def test_an_array_of_objects_is_a_pickle_also_in_an_archive(tmp_path):
    np.save(tmp_path / "objects.npy", OBJECTS)
    np.savez(tmp_path / "objects.npz", numbers=np.zeros(3), objects=OBJECTS)
    np.save(tmp_path / "numbers.npy", np.zeros(3))
    np.savez(tmp_path / "numbers.npz", numbers=np.zeros(3))
    (tmp_path / "old.pkl").write_bytes(b"(lp0\n.")
    (tmp_path / "table.csv").write_text("1,2\n")

    found = {path.name for path in tmp_path.iterdir() if holds_pickle(path)}
    assert found == {"objects.npy", "objects.npz", "old.pkl"}


def test_reading_a_pickle_is_noted_with_its_place(tmp_path):
    np.save(tmp_path / "objects.npy", OBJECTS)
    before = pickle.load, pickle.loads

    with unpicklings() as seen:
        assert np.load(tmp_path / "objects.npy", allow_pickle=True)[0] == {"a": 1}
        assert pickle.loads(pickle.dumps(3)) == 3
        np.zeros(3).copy()

    assert len(seen) == 2
    assert __file__ in seen[1]
    assert (pickle.load, pickle.loads) == before
