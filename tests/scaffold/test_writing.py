"""A plugin's folder is written wholly or not at all."""

from pathlib import Path

import pytest

from mmbal import MmbalError
from mmbal.scaffold import Project, write_project
from mmbal.scaffold.rendering import render

PROJECT = Project("mine", "recipe")


def test_all_files_and_nothing_else(tmp_path):
    folder = tmp_path / "deep" / "mmbal-mine"

    files = write_project(PROJECT, folder)

    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == set(render(PROJECT)) == {str(path.relative_to(folder)) for path in files}
    assert [path.name for path in folder.parent.iterdir()] == ["mmbal-mine"]
    assert (folder / "src/mmbal_mine/py.typed").read_text() == ""


def test_an_empty_folder_will_do(tmp_path):
    (tmp_path / "here").mkdir()

    assert (tmp_path / "here/README.md") in write_project(PROJECT, tmp_path / "here")


@pytest.mark.parametrize("what", ["a folder that holds something", "a file"])
def test_what_is_there_stays(tmp_path, what):
    place = tmp_path / "mmbal-mine"
    kept = place if what == "a file" else place / "notes.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("dear to somebody")

    with pytest.raises(MmbalError, match=f"{place} is {what}: give an absent or empty folder"):
        write_project(PROJECT, place)

    assert kept.read_text() == "dear to somebody"
    assert len(list(tmp_path.rglob("*"))) == (1 if what == "a file" else 2)


def test_nothing_is_left_of_a_write_that_fails(tmp_path, monkeypatch):
    written = []

    def full(path, text, **_):
        written.append(path)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        path.touch()

    monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(MmbalError, match=r"cannot write .*mmbal-mine: No space left on device"):
        write_project(PROJECT, tmp_path / "some/where/mmbal-mine")

    assert len(written) == 4
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
