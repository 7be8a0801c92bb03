"""Problems cost their examples, and some the whole folder."""

from pathlib import Path

import pytest

from mmbal.data import Problem
from mmbal.errors import DataFormatError
from mmbal_media import MediaExample, Survey, first_root, look_at

ROOT = Path("data")
EXAMPLES = [MediaExample(key=key, split="train", label=0) for key in "abc"]
BAD = Problem("b/1.png: cut short", ("b",))
FATAL = Problem("list.txt: no text", fatal=True)


def test_sound_are_those_that_no_problem_names() -> None:
    survey = Survey(ROOT, EXAMPLES, [BAD])
    assert [example.key for example in survey.sound()] == ["a", "c"]
    survey = survey.joined_by([Problem("z:1: no label", ("z",))])  # was never an example
    assert survey.bad == {"b", "z"}
    assert survey.lines() == ["data/b/1.png: cut short", "data/z:1: no label"]


def test_what_is_refused() -> None:
    Survey(ROOT, EXAMPLES, []).refuse(strict=True)
    Survey(ROOT, EXAMPLES, [BAD]).refuse(strict=False)
    with pytest.raises(DataFormatError, match=r"cut short; on_bad_example=skip goes on$"):
        Survey(ROOT, EXAMPLES, [BAD]).refuse(strict=True)
    with pytest.raises(DataFormatError, match=r"^data/list\.txt: no text$"):
        Survey(ROOT, EXAMPLES, [BAD, FATAL]).refuse(strict=False)


def test_looking_keeps_the_order() -> None:
    assert look_at(EXAMPLES, lambda example: example.key * 2, workers=2) == ["aa", "bb", "cc"]


def test_the_first_folder_with_data_counts(tmp_path: Path) -> None:
    (tmp_path / "v2" / "inner").mkdir(parents=True)
    (tmp_path / "v2" / "inner" / "list.txt").touch()

    def holds(root: Path) -> bool:
        return (root / "list.txt").exists()

    assert first_root(tmp_path, ("", "v2", "v2/inner"), holds) == tmp_path / "v2" / "inner"
    assert first_root(tmp_path, ("",), holds) is None
    assert first_root(None, ("",), holds) is None
