"""How lines for people are put."""

import pytest

from mmbal.errors import MmbalError, attempting, counted, first_line


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (4920, "4,920 epochs")]
)
def test_things_are_counted(count, said):
    assert counted(count, "epoch") == said


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "[Errno 28] a long story of HDF5"), "No space left on device"),
        (OSError("the disk is full"), "the disk is full"),
    ],
)
def test_what_the_system_refuses_is_one_line(error, reason):
    with (
        pytest.raises(MmbalError, match=f"^cannot write here: {reason}$"),
        attempting("write here"),
    ):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(KeyError), attempting("write here"):
        raise KeyError


def test_an_exception_is_one_line_and_never_empty():
    error = ValueError("\nno label\nat row 3\n")

    assert first_line(error) == "ValueError: no label"
    assert first_line(error, typed=False) == "no label"
    assert first_line(KeyError()) == first_line(KeyError(), typed=False) == "KeyError"
