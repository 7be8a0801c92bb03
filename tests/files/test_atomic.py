from pathlib import Path

import pytest

from mmbal.errors import MmbalError
from mmbal.files.atomic import replace_file


def test_replaces_the_file_and_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = tmp_path / "record.h5"
    path.write_bytes(b"old")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"safe")
    (tmp_path / ".record.h5.partial").symlink_to(elsewhere)

    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert elsewhere.read_bytes() == b"safe"
    assert {file.name for file in tmp_path.iterdir()} == {"record.h5", "elsewhere"}


def test_a_failure_names_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "record.h5"
    path.mkdir()

    with pytest.raises(MmbalError, match=r"cannot write .*record\.h5: "):
        replace_file(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["record.h5"]

    with pytest.raises(MmbalError, match=r"cannot write .*: Not a directory"):
        replace_file(Path(__file__) / "record.h5", b"new")
