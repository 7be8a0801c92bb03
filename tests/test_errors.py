"""How lines for people are put."""

import pytest

from mmbal.errors import MmbalError, attempting, counted, first_line, is_environmental, refused


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


def test_paths_and_reasons(tmp_path):
    (tmp_path / "b.toml").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "link").symlink_to("gone")

    def told(path):
        with pytest.raises(OSError) as caught:  # noqa: PT011  (of any kind)
            path.read_text()
        return refused(caught.value)

    assert told(tmp_path) == f"{tmp_path}: it is a folder, not a file; it holds b.toml, link"
    link = tmp_path / "link"
    assert told(link) == f"{link}: it is a link to gone, which is not there"
    assert told(tmp_path / "c") == f"{tmp_path / 'c'}: No such file or directory"
    assert refused(FileNotFoundError(2, "No such file or directory")) == (
        "the working directory is not there any more"
    )
    missing = "No usable temporary directory found in ['/tmp']"
    assert refused(FileNotFoundError(2, missing)) == missing


@pytest.mark.parametrize(
    ("error", "environmental"),
    [
        (OSError(28, "No space left on device", "a"), True),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), True),
        (FileNotFoundError(2, "No such file or directory", "a.png"), False),
        (OSError("a bug"), False),
        (ValueError("a bug"), False),
    ],
)
def test_what_no_program_is_to_blame_for(error, environmental):
    assert is_environmental(error) == environmental
    outer = MmbalError("told in words")
    outer.__cause__ = error
    assert is_environmental(outer) == environmental
