"""Files with and without pickles, and the moment they are read."""

import io
import pickle
import zipfile

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
    before = dict(vars(pickle))

    with unpicklings() as seen:
        assert np.load(tmp_path / "objects.npy", allow_pickle=True)[0] == {"a": 1}
        assert pickle.loads(pickle.dumps(3)) == 3
        np.zeros(3).copy()

    assert len(seen) == 2
    assert __file__ in seen[1]
    assert dict(vars(pickle)) == before


@pytest.mark.parametrize("name", ["Unpickler", "_Unpickler"])
def test_an_unpickler_is_noted_with_its_place(name):
    with unpicklings() as seen:

        class Careful(getattr(pickle, name)):
            def find_class(self, module, name):
                raise pickle.UnpicklingError(f"{module}.{name}")

        assert getattr(pickle, name)(io.BytesIO(pickle.dumps([1]))).load() == [1]
        assert Careful(io.BytesIO(pickle.dumps({"a": 2}))).load() == {"a": 2}

    assert [each.rpartition(":")[0] for each in seen] == [__file__] * 2


def test_a_member_that_cannot_be_read_is_no_pickle(tmp_path):
    path = tmp_path / "sealed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", pickle.dumps(1))
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1  # encrypted
    path.write_bytes(content)

    assert not holds_pickle(path)
