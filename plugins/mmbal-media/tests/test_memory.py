"""Findings are kept until a state changes."""

from pathlib import Path

import pytest

from mmbal.errors import DataFormatError
from mmbal_media import Memory


def test_findings_hold_in_their_state_and_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    memory = Memory(path)
    memory.note("a", "today", {"size": 3})
    memory.note("b", "today", "broken")
    memory.save()
    again = Memory(path)
    assert (again.finding("a", "today"), again.finding("b", "today")) == ({"size": 3}, "broken")
    assert again.finding("a", "tomorrow") is None
    again.note("b", "today", None)
    assert again.finding("b", "today") is None


def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    Memory(path).save()
    assert not path.exists()
    assert Memory(tmp_path / "no" / "folder.json").finding("a", "") is None


def test_a_damaged_file_is_named_or_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text("[1]")
    with pytest.raises(DataFormatError, match=f"^{path}: damaged; remove it$"):
        Memory(path)
    memory = Memory(path, forgiving=True)
    memory.note("a", "", 1)
    memory.save()
    assert Memory(path).finding("a", "") == 1
