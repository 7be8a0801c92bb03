"""What datasets tell on stderr while they work on their files."""

import pytest
from rich.console import Console

from mmbal import progress
from mmbal.progress import announce, track


def test_items_pass_and_a_pipe_gets_no_bar(capsys):
    assert list(track(iter("abc"), "drawing", 3)) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(monkeypatch):
    console = Console(force_terminal=True, record=True, width=100, stderr=True)
    monkeypatch.setattr(progress, "_stderr", lambda: console)
    assert list(track(iter("abc"), "drawing", 3)) == ["a", "b", "c"]
    text = console.export_text()
    assert "drawing" in text
    assert "100%" in text


def test_an_announcement_is_one_line_on_stderr(capsys):
    announce("decoding 3 videos [once] into " + "x" * 200)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "decoding 3 videos [once] into " + "x" * 200 + "\n"


@pytest.mark.parametrize("items", [[], [1, 2]])
def test_an_error_on_the_way_goes_through(items):
    def broken():
        yield from items
        raise KeyError

    with pytest.raises(KeyError):
        list(track(broken(), "drawing", 5))
