"""Problems of files in one line."""

from pathlib import Path

from mmbal.data.faults import Problem, left_out, refusal
from mmbal.errors import DataFormatError

ROOT = Path("data")
BAD = Problem("cup/cup_1: no view", ("cup_1",))


def test_refusals_tell_the_first_and_count_the_rest():
    error = refusal(["cup: no images"])
    assert isinstance(error, DataFormatError)
    assert str(error) == "cup: no images"
    assert str(refusal(["cup: no images", "a", "b"], skippable=True)) == (
        "cup: no images (2 more: see `mmbal data check`); on_bad_example=skip goes on"
    )


def test_examples_that_are_left_out():
    assert left_out(ROOT, "clip", 1, [BAD]) == "data: 1 clip left out (cup/cup_1: no view)"
    assert left_out(ROOT, "clip", 1200, [BAD, BAD]) == (
        "data: 1,200 clips left out (cup/cup_1: no view, and 1 more: see `mmbal data check`)"
    )
