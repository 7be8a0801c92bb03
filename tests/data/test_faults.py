"""Problems of files in one line."""

from pathlib import Path

from mmbal.data.faults import Problem, left_out, refusal
from mmbal.errors import DataFormatError

ROOT = Path("data")
BAD = Problem("cup/cup_1: no view", ("cup_1",))


def test_refusals_tell_the_first_and_count_the_rest():
    error = refusal(ROOT, [BAD])
    assert isinstance(error, DataFormatError)
    assert str(error) == "data/cup/cup_1: no view; on_bad_example=skip goes on"
    more = "data/cup/cup_1: no view (2 more: see `mmbal data check`); on_bad_example=skip goes on"
    assert str(refusal(ROOT, [BAD, BAD, BAD])) == more


def test_what_skipping_does_not_cure_offers_no_skipping():
    fatal = Problem("cup: no images", fatal=True)
    assert str(refusal(ROOT, [fatal, BAD])) == (
        "data/cup: no images (1 more: see `mmbal data check`)"
    )


def test_examples_that_are_left_out():
    assert left_out(ROOT, "clip", 1, [BAD]) == "data: 1 clip left out (cup/cup_1: no view)"
    assert left_out(ROOT, "clip", 1200, [BAD, BAD]) == (
        "data: 1,200 clips left out (cup/cup_1: no view, and 1 more: see `mmbal data check`)"
    )
