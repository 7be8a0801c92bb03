import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mmbal.cli.report import report
from mmbal.errors import MmbalError
from mmbal.records.schema import schema_markdown

WriteRun = Callable[..., Path]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(
        report, [str(argument) for argument in arguments], catch_exceptions=False
    )


def test_shows_a_finished_run_and_says_what_it_rebuilt(write_run: WriteRun) -> None:
    folder = write_run()
    result = invoke(folder)

    assert "toy: guided strategy, seed 0" in result.stdout
    assert "0.7000" in result.stdout
    assert "warning: one thing" in result.stdout
    assert result.stderr == f"rebuilt {folder / 'record.h5'} from the journal (missing)\n"
    assert invoke(folder).stderr == ""
    assert "toy" in invoke(folder / "record.h5").stdout


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ([], "no end in the journal: killed, or still running"),
        ([{"event": "stop", "reason": "interrupt", "step": 4}], "interrupted (interrupt)"),
    ],
)
def test_a_run_without_end_says_how_far_it_got(
    write_run: WriteRun, events: list[dict[str, Any]], extra: list[dict[str, Any]], words: str
) -> None:
    result = invoke(write_run(events=events[:3] + extra))

    assert f"{words}; finished 1 of 2 epochs and 4 steps" in result.stdout


def test_json_is_an_object_or_a_list(write_run: WriteRun) -> None:
    a, b = write_run("a"), write_run("b", seed=7)

    assert json.loads(invoke(a, "--json").stdout)["test"]["accuracy"] == 0.7
    several = json.loads(invoke(a, b, a, "--json").stdout)
    assert [each["seed"] for each in several] == [0, 7]


def test_plots(write_run: WriteRun, tmp_path: Path) -> None:
    result = invoke(write_run(), "--plot", tmp_path / "figure.png")

    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert f"wrote {tmp_path / 'figure.png'}" in result.stderr


def test_a_bad_suffix_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match="suffix"):
        invoke(tmp_path, "--plot", tmp_path / "figure.gif")


def test_schema_needs_no_run_and_a_report_does() -> None:
    assert invoke("--schema").stdout == schema_markdown() + "\n"
    assert "expected at least one RUN" in invoke().stderr


def test_a_folder_that_is_no_run_names_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(MmbalError, match=r"expected journal\.jsonl"):
        invoke(tmp_path)


def test_reading_and_drawing_need_no_tensorflow(write_run: WriteRun, tmp_path: Path) -> None:
    code = f"""
import sys
from mmbal.cli.report import report
from mmbal.cli.compare import compare
from mmbal.cli.runs import runs
heavy = {{"numpy", "h5py", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
run = {str(write_run())!r}
report.main([run, "--plot", {str(tmp_path / "f.png")!r}], standalone_mode=False)
compare.main([run], standalone_mode=False)
runs.main([run], standalone_mode=False)
heavy = {{"tensorflow", "keras", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_tables_of_evaluations(write_run: WriteRun, events: list[dict[str, Any]]) -> None:
    table = {
        "event": "table", "split": "test", "weights": "selected", "name": "confusion",
        "axes": {"class": ["cat", "dog"], "predicted": ["cat", "dog"]},
        "values": [[3, 1], [0, None]], "description": "examples by class",
    }  # fmt: skip
    shares = {**table, "name": "shares", "axes": {"modality": ["a", "b"]}, "values": [0.25, 1]}
    folder = write_run(events=[*events[:3], table, shares, *events[3:]])

    lines = invoke(folder).stdout.splitlines()
    assert "tables: confusion, shares" in lines
    assert f"  mmbal report {folder} --table NAME" in lines
    assert not any("examples by class" in line for line in lines)

    lines = invoke(folder, "--table", "conf*").stdout.splitlines()
    start = lines.index("confusion: examples by class (test, selected weights)")
    assert [line.split() for line in lines[start + 1 :]] == [
        ["class,", "predicted:", "cat", "dog"],
        ["cat", "3", "1"],
        ["dog", "0", "-"],
    ]
    lines = [line.split() for line in invoke(folder, "--table", "shares").stdout.splitlines()]
    assert lines[-2:] == [["a", "b"], ["0.2500", "1"]]


def test_an_unknown_table_names_those_that_are_there(write_run: WriteRun) -> None:
    with pytest.raises(MmbalError, match="unknown table 'confusion'"):
        invoke(write_run(), "--table", "confusion")
