import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mmbal.cli.compare import compare
from mmbal.errors import MmbalError

WriteRun = Callable[..., Path]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(
        compare, [str(argument) for argument in arguments], catch_exceptions=False
    )


@pytest.fixture
def runs(write_run: WriteRun) -> tuple[Path, Path, Path]:
    return write_run("a"), write_run("b", seed=1), write_run("c", strategy="vanilla")


def test_prints_a_row_per_strategy(runs: tuple[Path, ...]) -> None:
    lines = invoke(*runs).stdout.splitlines()

    assert lines[0].split()[:4] == ["recipe", "strategy", "n", "accuracy"]
    assert lines[1].split()[:6] == ["toy", "guided", "2", "0.700", "±", "0.000"]
    assert lines[2].split()[:4] == ["toy", "vanilla", "1", "0.700"]


def test_prints_markdown_of_the_chosen_weights(runs: tuple[Path, ...]) -> None:
    assert invoke(*runs, "--markdown", "--weights", "last").stdout == (
        "| recipe | strategy | n | accuracy | branch_accuracy/gray | d_speed | seconds |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| toy | guided | 2 | 0.650 ± 0.000 | 0.350 ± 0.000 | -0.200 ± 0.000 | 3.5 ± 0.0 |\n"
        "| toy | vanilla | 1 | 0.650 | 0.350 | -0.200 | 3.5 |\n"
    )


def test_prints_json_with_undefined_as_null(runs: tuple[Path, ...]) -> None:
    value = json.loads(invoke(*runs, "--json").stdout)

    assert [group["seeds"] for group in value["groups"]] == [[0, 1], [0]]
    assert value["groups"][1]["statistics"]["accuracy"]["deviation"] is None


def test_a_narrow_terminal_gets_a_column_per_group(
    runs: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmbal.cli.console._PIPE_WIDTH", 60)
    lines = invoke(*runs).stdout.splitlines()

    assert lines[0].split() == ["recipe", "toy", "toy"]
    assert lines[1].split() == ["strategy", "guided", "vanilla"]


def test_the_same_run_counts_once(runs: tuple[Path, ...]) -> None:
    result = invoke(runs[0], f"{runs[0]}/.", runs[0], "--json")

    assert json.loads(result.stdout)["groups"][0]["n"] == 1


def test_remarks_go_to_stderr(write_run: WriteRun, runs: tuple[Path, ...]) -> None:
    young = write_run("young", events=None, seed=5)
    journal = young / "journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))

    assert "is left out: no test scores" in invoke(*runs, young).stderr


def test_what_cannot_be_compared_is_refused(tmp_path: Path, runs: tuple[Path, ...]) -> None:
    with pytest.raises(MmbalError, match=r"expected journal\.jsonl"):
        invoke(tmp_path)
    assert "exclude each other" in invoke(*runs, "--json", "--markdown").stderr


def test_a_run_that_never_began_is_left_out_of_several(
    runs: tuple[Path, ...], tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "journal.jsonl").write_text("", encoding="utf-8")

    done = invoke(*runs, empty)
    assert done.exit_code == 0
    assert f"left out: {empty}/journal.jsonl: no start event" in done.stderr
    assert "guided" in done.stdout
    with pytest.raises(MmbalError, match="no start event"):
        invoke(empty)
