import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        "\n"
        "| arm | score | verdict |\n"
        "| --- | --- | --- |\n"
        f"| guided | accuracy | one seed: +0.000 between two networks; example by example once "
        f"they keep predictions: mmbal evaluate {runs[0]} {runs[2]} --save-predictions |\n"
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
    assert "exclude each other" in invoke(*runs, "--json", "--format", "csv").stderr
    assert invoke(*runs, "--json", "--format", "json").exit_code == 0


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


def test_damaged_runs_among_good_ones_are_named(
    runs: tuple[Path, ...], write_run: WriteRun
) -> None:
    damaged = write_run("damaged", seed=7)
    (damaged / "journal.jsonl").write_text('{"event": "start"}\n{"event"', encoding="utf-8")

    done = invoke(*runs, damaged)
    assert done.exit_code == 0
    assert f"left out: {damaged}/journal.jsonl:1: broken event 'start'" in done.stderr
    with pytest.raises(MmbalError, match="none of these runs can be compared"):
        invoke(damaged, write_run("other", events=[]))


def test_formats(runs: tuple[Path, ...]) -> None:
    assert invoke(*runs, "--format", "md").stdout == invoke(*runs, "--markdown").stdout
    assert invoke(*runs, "--format", "csv").stdout.startswith("recipe,strategy,settings,control,n,")
    assert invoke(*runs, "--format", "latex").stdout.startswith(r"\begin{tabular}")
    assert json.loads(invoke(*runs, "--format", "json").stdout)["weights"] == "selected"


def test_verdicts_stand_below_the_table_and_a_baseline_can_be_named(
    runs: tuple[Path, ...],
) -> None:
    shown = invoke(*runs).stdout
    assert "\nguided against vanilla, the same order, the same initial weights; paired by" in shown
    other = invoke(*runs, "--baseline", "guided").stdout
    assert "\nvanilla against guided, " in other
    none = invoke(*runs, "--baseline", "guide")
    assert "against" not in none.stdout
    assert "unknown arm 'guide'; did you mean 'guided'" in none.stderr


def test_runs_of_one_strategy_are_judged_against_nothing(runs: tuple[Path, ...]) -> None:
    assert "against" not in invoke(*runs[:2]).stdout
    assert "baseline" not in invoke(*runs[:2]).stderr


def test_configurations_that_were_tried_are_counted(
    runs: tuple[Path, ...], write_run: WriteRun, tmp_path: Path
) -> None:
    (tmp_path / "tuning").mkdir()
    for number in range(2):
        run = write_run(f"tried{number}", config=f"epochs = {number}")
        (tmp_path / "tuning" / "trials").mkdir(exist_ok=True)
        run.rename(tmp_path / "tuning" / "trials" / run.name)

    done = invoke(*runs, "--tuned", tmp_path / "tuning")
    rows = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert rows == [
        ["arm", "seconds", "examples", "tried"], ["guided", "3.5", "64", "2"],
        ["vanilla", "3.5", "64", "0"],
    ]  # fmt: skip
    assert "configurations tried: guided 2, vanilla 0" in done.stderr
    with pytest.raises(MmbalError, match="cannot read --tuned .*: No such file"):
        invoke(*runs, "--tuned", tmp_path / "nowhere")
    with pytest.raises(MmbalError, match="no folder of a sweep: it lacks trials/"):
        invoke(*runs, "--tuned", runs[0])


TRAIN = ("compare", "colored-digits", "--strategy", "guided", "--seeds", "0-1", "--out", "s")


def test_a_recipe_makes_what_is_missing_once(mmbal: Any, engines: Any) -> None:
    done = mmbal(*TRAIN)

    assert done.exit_code == 0, done.output
    assert engines.ran == [
        "guided-seed0", "guided-seed1", "vanilla-seed0", "vanilla-seed0-modalities=color",
        "vanilla-seed0-modalities=gray", "vanilla-seed1", "vanilla-seed1-modalities=color",
        "vanilla-seed1-modalities=gray",
    ]  # fmt: skip
    assert "to be made in s: guided-seed0, guided-seed1, vanilla-seed0, " in done.stderr
    assert "expected time: told as soon as some steps are timed" in done.stderr
    assert "guided against vanilla" in done.stdout
    assert "gray alone against vanilla" in done.stdout
    assert "no ensemble of the single modalities" in done.stderr
    config = Path("s/trials/guided-seed0/config.toml").read_text(encoding="utf-8")
    assert "save_predictions = true" in config
    assert "linear-probe" in tomllib.loads(config)["evaluations"]

    engines.ran.clear()
    again = mmbal("compare", "--plugin", *TRAIN[1:], "--no-controls", "--format", "json")
    assert engines.ran == []
    arms = json.loads(again.stdout)["groups"]
    assert [(arm["strategy"], arm["n"]) for arm in arms] == [("guided", 2), ("vanilla", 2)]

    more = mmbal(*TRAIN[:5], "0-2", *TRAIN[6:], "--concurrent", "2")
    assert more.exit_code == 0
    assert len(engines.ran) == 4


def test_late_fusion_is_a_control_on_request(mmbal: Any, engines: Any) -> None:
    done = mmbal(*TRAIN[:5], "0", *TRAIN[6:], "--no-controls", "--late")

    assert engines.ran == [
        "guided-seed0", "vanilla-seed0", "vanilla-seed0-architecture=late-concat",
    ]  # fmt: skip
    assert "\nlate fusion against vanilla, " in done.stdout


def test_a_comparison_keeps_its_command_and_is_compared_as_a_folder(
    mmbal: Any, engines: Any
) -> None:
    done = mmbal(*TRAIN, "--no-controls", "--plot", "figure.svg", "--baseline", "guided")

    assert done.stderr.endswith("wrote figure.svg\n")
    kept = json.loads(Path("s/comparison.json").read_text(encoding="utf-8"))
    assert kept["command"].startswith("mmbal compare colored-digits --strategy guided ")
    assert kept["baseline"] == "guided"
    again = mmbal("compare", "s")
    assert again.stdout == mmbal("compare", "s", "--baseline", "guided").stdout
    assert "to be made" not in again.stderr


def test_a_suffix_is_refused_before_anything_is_made(mmbal: Any, engines: Any) -> None:
    done = mmbal(*TRAIN, "--plot", "figure.gif")

    assert done.exit_code == 2
    assert "the suffix must be one of .png, .svg, .pdf" in done.stderr
    assert not Path("s").exists()


def test_what_is_left_is_told_with_the_time_that_it_takes(mmbal: Any, engines: Any) -> None:
    engines.stop_after = 2
    done = mmbal(*TRAIN, "--no-controls")
    assert done.exit_code == 130
    assert done.stderr.endswith("to go on:  the same command again\n")

    engines.stop_after = None
    rest = mmbal(*TRAIN, "--no-controls", "--concurrent", "1")
    assert rest.exit_code == 0
    assert "expected time: 0 minutes, for 2 runs took 4 s on average and 1 go at once" in (
        rest.stderr
    )


def test_a_plan_is_listed_and_nothing_is_written(mmbal: Any, engines: Any) -> None:
    done = mmbal(*TRAIN, "--dry-run")

    assert "vanilla-seed1-modalities=gray" in done.stdout
    assert not Path("s").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare"], "expected RUN..., or a RECIPE to make runs of"),
        (["compare", "colored-digits"], "with --strategy NAME,... and --out DIR"),
        (["compare", "colored-digit"], "no folder of a run, and unknown recipe 'colored-digit';"),
        (["compare", "run", "--seeds", "0-1"], "--seeds makes runs, and run is one already"),
        (["compare", "run", "--plugin", "colored-digits"], "--plugin makes runs, and run is one"),
        (["compare", "modelnet40", "--plugin", "colored-digits"], "two recipes are named"),
        ([*TRAIN, "--seeds", "x"], "--seeds is given 2 times"),
        ([*TRAIN[:5], "x", *TRAIN[6:]], "--seeds must be numbers"),
        ([*TRAIN[:3], "guidde", *TRAIN[4:]], "unknown strategy 'guidde'; did you mean 'guided'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(
    mmbal: Any, engines: Any, write_run: WriteRun, words: list[str], message: str
) -> None:
    write_run("run")
    done = mmbal(*words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert not Path("s").exists()
