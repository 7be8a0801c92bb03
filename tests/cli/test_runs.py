import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.cli.runs import runs
from mmbal.errors import MmbalError


def invoke(*arguments):
    return CliRunner().invoke(runs, [str(each) for each in arguments], catch_exceptions=False)


def ago(**span):
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def test_a_table_newest_first(write_run, events, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "trials").mkdir()
    write_run("trials/old", time=ago(days=3), recipe="other", seed=12)
    write_run("new", events=[{**events[0], "time": ago(minutes=5, seconds=1)}])
    lines = invoke(tmp_path).stdout.splitlines()

    assert [line.split() for line in lines] == [
        ["recipe", "strategy", "seed", "status", "valid.", "test", "size", "age", "run"],
        ["toy", "guided", "0", "unfinished", "-", "-", *lines[1].split()[6:8], "5", "min",
         str(tmp_path / "new")],
        ["other", "guided", "12", "finished", "0.750", "0.700", *lines[2].split()[6:8], "3", "d",
         str(tmp_path / "trials" / "old")],
    ]  # fmt: skip


def test_a_narrow_table_has_folders_on_lines_of_their_own(write_run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    strategy = "guided+modality-dropout+ogm-ge"
    folder = write_run("x" * 120, strategy=strategy, recipe="colored-digits", time=ago(hours=1))
    header, under, row, path = invoke(tmp_path).stdout.splitlines()

    assert max(map(len, (header, under, row))) <= 80
    assert (header.split()[0], under, path) == ("recipe", "  run", f"  {folder}")
    assert row.startswith("colored-digits  guided+modality-")
    assert "…" in row


def test_damaged_runs_are_named_and_explained(write_run, tmp_path):
    (write_run() / "journal.jsonl").write_text("{\n")
    result = invoke(tmp_path)

    assert result.stdout.splitlines()[1].split()[:4] == ["-", "-", "-", "damaged"]
    assert result.stderr.startswith(f"damaged: {tmp_path / 'run' / 'journal.jsonl'}:1: not a line")


def test_times_that_are_none_do_not_break_the_order(write_run, tmp_path):
    write_run("a", time="2026-01-02T03:04:05")
    write_run("b", time="yesterday")
    write_run("c")

    rows = json.loads(invoke(tmp_path, "--json").stdout)
    assert [Path(row["run"]).name for row in rows] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (9940, "9.9 kB"), (999_499, "999 kB"), (999_500, "1.0 MB"),
     (12_345_678, "12 MB"), (45_600_000_000, "45.6 GB")],
)  # fmt: skip
def test_sizes(count, shown):
    from mmbal.cli.runs import _size

    assert _size(count) == shown


def test_nothing_there(tmp_path, monkeypatch):
    result = invoke(tmp_path)
    assert (result.stdout, result.stderr) == ("", f"no runs in {tmp_path}\n")
    assert invoke(tmp_path, "--json").stdout == "[]\n"

    monkeypatch.chdir(tmp_path)
    with pytest.raises(MmbalError, match="makes them in runs/: No such file or directory"):
        invoke()


def test_by_default_it_lists_where_runs_are_written(write_run, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    write_run("runs/mine")
    monkeypatch.chdir(tmp_path)

    assert json.loads(invoke("--json").stdout)[0]["run"] == "runs/mine"


def test_the_shell_completes_folders():
    found = ShellComplete(cli, {}, "mmbal", "").get_completions(["runs"], "r")

    assert [each.type for each in found] == ["dir"]
