"""What every command does where its output cannot be shown, or not be written."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from every_command import ARGUMENTS, RUN, leaves, status, stream, toy

from mmbal.cli.console import typed
from mmbal.errors import Interrupted, Preempted

__all__ = ["toy"]

ENCODINGS = {"UTF-8": ("utf-8", "strict"), "latin-1": ("latin-1", "strict"),
             "ascii": ("ascii", "strict"), "C": ("ascii", "surrogateescape")}  # fmt: skip


class Unwritable(io.TextIOWrapper):
    """A stream that takes nothing, such as one to a terminal that was closed."""

    def __init__(self, number: int) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def flush(self) -> None:
        raise OSError(self.number, os.strerror(self.number))


@pytest.fixture
def place(
    write_run: Callable[..., Path], toy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand in a folder with runs whose names hold characters of many scripts."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate((RUN, "zweiter")):
        write_run(seed=seed).rename(name)
    Path("ordner ü").mkdir()


def test_no_command_is_forgotten() -> None:
    assert ARGUMENTS.keys() == dict(leaves()).keys()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", ARGUMENTS)
def test_every_command_prints_in_every_encoding(place: None, command: str, encoding: str) -> None:
    codec, errors = ENCODINGS[encoding]
    out, err = stream(codec, errors), stream(codec, errors)

    assert status([*command.split(), *ARGUMENTS[command]], out, err) == 0
    printed = [each.buffer.getvalue().decode(codec) for each in (out, err)]  # type: ignore[attr-defined]
    assert any(printed)
    if encoding != "UTF-8":
        assert not set("█░│╭") & set("".join(printed))


def test_tables_are_plain_where_the_encoding_is(
    place: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = stream("ascii")
    assert status(["report", RUN], out, stream()) == 0
    shown = out.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "#" in shown
    assert "| modality  utilization              learning speed  isolated" in shown
    out = stream("ascii")
    assert status(["compare", RUN, "zweiter"], out, stream()) == 0
    header, row = out.buffer.getvalue().decode("ascii").splitlines()  # type: ignore[attr-defined]
    assert row.index("+- 0.000  0.400") == header.index("accuracy") + 6
    assert row.index("0.400") == header.index("branch_accuracy/gray")


@pytest.mark.parametrize("command", ARGUMENTS)
def test_no_command_needs_stderr(place: None, command: str) -> None:
    closed = stream()
    closed.close()
    words = [*command.split(), *ARGUMENTS[command]]
    expected = status(words, stream(), stream())
    if "--out" not in words and command not in ("plugins new", "data sample"):  # these write
        for err in (Unwritable(errno.EIO), Unwritable(errno.ENOSPC), closed, None):
            assert status(words, stream(), err) == expected == 0
    else:
        assert expected == 0
        assert status(words, stream(), Unwritable(errno.EIO)) in (0, 2)  # the folder is used now


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_reader_of_stdout_that_has_gone(place: None, command: str) -> None:
    err = stream()
    code = status([*command.split(), *ARGUMENTS[command]], Unwritable(errno.EPIPE), err)

    told = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "Traceback" not in told
    if command == "run":  # what it was for is done
        assert code == 0
        assert told.count("warning: cannot write to stdout: Broken pipe\n") == 1
    else:
        assert code == 141
        assert "error:" not in told


@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_disk_that_is_too_full_for_stdout(place: None, command: str) -> None:
    err = stream()
    code = status([*command.split(), *ARGUMENTS[command]], Unwritable(errno.ENOSPC), err)

    last = err.buffer.getvalue().decode().splitlines()[-1]  # type: ignore[attr-defined]
    kind = "warning" if command == "run" else "error"
    assert last == f"{kind}: cannot write to stdout: No space left on device"
    assert code == (0 if command == "run" else 2)


@pytest.mark.parametrize(("kind", "code"), [(Interrupted, 130), (Preempted, 75)])
def test_the_status_of_a_stopped_run_needs_no_terminal(
    place: None, experiment: Any, kind: Any, code: int
) -> None:
    experiment.error = kind(Path("r"), "stopped", resumable=True)
    gone = Unwritable(errno.EIO)

    assert status(["run", "colored-digits"], gone, gone) == code


def test_commands_to_go_on_can_be_pasted_into_a_shell(place: None, experiment: Any) -> None:
    run = Path("-a b$(c)")
    experiment.error = Interrupted(run, "stopped", resumable=True)
    err = stream()
    status(["run", "colored-digits"], stream(), err)

    lines = err.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined]
    commands = [line for line in lines if line.startswith("  mmbal ")]
    assert len(commands) == 3
    assert all("'./-a b$(c)'" in line for line in commands)
    assert typed("runs/plain") == "runs/plain"
