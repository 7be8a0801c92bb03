"""What every command says of a path that the system refuses."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from every_command import ARGUMENTS, RUN, leaves, status, stream, toy
from unprivileged import no_capabilities

__all__ = ["toy"]

LONG = "n" * 300
BAD = {
    "below a file": ("file/x", "Not a directory"),
    "too long": (LONG, "File name too long"),
    "dangling": ("dangling", "it is a link to gone, which is not there"),
    "in a loop": ("loop", "link"),
}
# What opens these is the dataset, the run or the laboratory, not the command.
ELSEWHERE = {
    "run --out", "run --data-dir", "sweep --data-dir", "evaluate --data-dir",
    "plugins check --data-dir", "data prepare directory", "data check directory",
    "compare --data-dir",
}  # fmt: skip
DRAWN = {"report --plot": ".png", "report --html": ".html", "compare --plot": ".png"}
"""What is written, and how it must end."""
MAKING = ["colored-digits", "--strategy", "vanilla", "--out", "süß"]
"""What `mmbal compare` is given where it makes runs."""


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Yield every parameter of every command that is a path."""
    for name, command in leaves():
        for parameter in command.params:
            if isinstance(parameter.type, click.Path):
                yield name, parameter


def called(name: str, parameter: click.Parameter) -> str:
    option = isinstance(parameter, click.Option)
    return f"{name} {parameter.opts[0] if option else parameter.name}"


CASES = {called(*case): case for case in parameters()}


def words_with(case: str, path: str) -> list[str]:
    """Return a command line on which one path is another."""
    name, parameter = CASES[case]
    words = list(MAKING if case in ("compare --out", "compare --config") else ARGUMENTS[name])
    words += ["--html", "seite.html"] if case == "report --tuned" else []
    if isinstance(parameter, click.Argument):
        words[-1 if name != "compare" else 0] = path
    elif (option := parameter.opts[0]) in words:
        words[words.index(option) + 1] = path
    else:
        words += [option, path]
    words[-1] += DRAWN.get(case, "")
    if name == "sweep":
        words.remove("--dry-run")
    return [*name.split(), *words]


@pytest.fixture
def place(
    write_run: Callable[..., Path], toy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (RUN, "zweiter"):
        write_run().rename(name)
    Path("file").touch()
    Path("dangling").symlink_to("gone")
    Path("loop").symlink_to("loop")


def test_every_case_that_others_test_is_there() -> None:
    assert CASES.keys() >= ELSEWHERE


@pytest.fixture
def closed(place: None) -> Iterator[None]:
    """Close a folder that holds all that commands read; root passes over that, so be less."""
    folder = Path("closed")
    folder.mkdir()
    shutil.copytree(RUN, folder / "run")
    for name in ("a.toml", "a.csv"):
        (folder / name).touch()
    folder.chmod(0)
    with no_capabilities():
        yield
    folder.chmod(0o700)


def check_one_line(words: Sequence[str], path: str, reasons: Sequence[str]) -> None:
    before = {file: file.read_bytes() for file in Path(RUN).rglob("*") if file.is_file()}
    err = stream()
    code = status(words, stream(), err)

    told = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    *_, last = told.splitlines()
    assert code == 2
    assert last.startswith("error: ")
    assert path in last
    assert any(reason in last for reason in reasons), last
    assert "plugin" not in last
    assert before == {file: file.read_bytes() for file in before}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("case", sorted(CASES.keys() - ELSEWHERE))
def test_a_path_that_cannot_be_used_is_one_line(place: None, case: str, bad: str) -> None:
    if case in DRAWN and bad in ("dangling", "in a loop"):
        pytest.skip("the link is replaced by the figure")
    path, reason = BAD[bad]
    # Of a run, it is enough that there is none.
    reasons = [reason, "no run in", "is no run", "--trials must end in"]
    check_one_line(words_with(case, path), path[:200], reasons)


@pytest.mark.parametrize("case", sorted(CASES.keys() - ELSEWHERE))
def test_a_folder_that_is_closed_is_one_line(closed: None, case: str) -> None:
    name = {**dict.fromkeys(DRAWN, "a"), "sweep --trials": "a.csv"}.get(case, "a.toml")
    path = f"closed/{name if '--' in case else 'run'}"
    check_one_line(words_with(case, path), path, ["Permission denied", "not readable"])


@pytest.mark.parametrize("case", ["run --config", "sweep --config", "sweep --trials"])
def test_a_folder_in_place_of_a_file_is_looked_into(place: None, case: str) -> None:
    Path("runs.csv").mkdir()
    Path("runs.csv/list.csv").touch()
    folder, inside = (RUN, "config.toml, journal.jsonl")
    if case == "sweep --trials":
        folder, inside = "runs.csv", "list.csv"
    told = [f"it is a folder, not a file; it holds {inside}"]
    check_one_line(words_with(case, folder), folder, told)


def test_a_working_directory_that_was_removed(place: None, tmp_path: Path) -> None:
    gone = tmp_path / "gone-soon"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    err = stream()
    try:
        assert status(["sweep", "colored-digits", "--out", "s"], stream(), err) == 2
    finally:
        os.chdir(tmp_path)
    assert "error: " in err.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_an_error_without_a_number_is_a_bug_and_keeps_its_traceback(
    place: None, experiment: Any
) -> None:
    experiment.error = OSError("ours")
    with pytest.raises(OSError, match="^ours$"):
        status(["run", "colored-digits"], stream(), stream())
    experiment.error = OSError(28, "No space left on device")
    err = stream()
    assert status(["run", "colored-digits"], stream(), err) == 2
    assert err.buffer.getvalue().decode().endswith("error: No space left on device\n")  # type: ignore[attr-defined]
