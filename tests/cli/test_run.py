"""`mmbal run` from its arguments to its output."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from mmbal.errors import Interrupted, MmbalError

RECIPE = ("run", "--plugin", "colored-digits")


def test_options_reach_the_experiment(mmbal: Any, experiment: Any) -> None:
    done = mmbal(*RECIPE, "--seed", 3, "--epochs", 2, "--batch-size", 16, "--data-dir", "d",
                 "--strategy", "vanilla", "--set", "optimizer.learning_rate=0.5",
                 "--out", "here")  # fmt: skip

    assert done.exit_code == 0, done.output
    [(resolved, _, out)] = experiment.calls
    config = resolved.config
    assert (config.seed, config.epochs, config.batch_size) == (3, 2, 16)
    assert (config.data_dir, config.strategy.name) == (Path("d").absolute(), "vanilla")
    assert config.optimizer.options.learning_rate == 0.5
    assert out == Path("here")
    assert str(resolved.origins["batch_size"]) == "--batch-size 16"
    assert str(resolved.origins["strategy.name"]) == "--strategy vanilla"


def test_sample_is_written_into_the_folder_of_the_run(mmbal: Any, experiment: Any) -> None:
    done = mmbal(*RECIPE, "--sample", "--out", "here", "--seed", 7)

    assert done.exit_code == 0, done.output
    [(resolved, *_)] = experiment.calls
    assert experiment.samples == [True]
    assert resolved.config.data_dir == Path("here/sample").absolute()
    assert str(resolved.origins["data_dir"]) == "--sample"
    assert "mmbal run colored-digits --sample --seed 7 --strategy vanilla" in done.stderr


def test_sample_of_a_run_in_the_default_folder(mmbal: Any, experiment: Any) -> None:
    mmbal(*RECIPE, "--sample")

    [(resolved, _, out)] = experiment.calls
    assert out.parent == Path("runs")
    assert resolved.config.data_dir == (out / "sample").absolute()


def test_sample_of_a_resumed_run_stays_its_data(mmbal: Any, experiment: Any) -> None:
    Path("here").mkdir()
    config = mmbal(*RECIPE, "--print-config", "--data-dir", "here/sample").stdout
    Path("here/config.toml").write_text(config, encoding="utf-8")

    for arguments in (("run", "--sample"), (*RECIPE, "--sample")):
        done = mmbal(*arguments, "--resume", "--out", "here")
        assert done.exit_code == 0, done.output
    assert [call[0].config.data_dir for call in experiment.calls] == [
        Path("here/sample").absolute()
    ] * 2


def test_sample_beside_other_data_is_refused(mmbal: Any, experiment: Any) -> None:
    Path("f.toml").write_text('data_dir = "there"\n', encoding="utf-8")

    for arguments, origin in [
        (["--data-dir", "there"], "--data-dir there"),
        (["--config", "f.toml"], "f.toml:1"),
    ]:
        done = mmbal(*RECIPE, "--sample", *arguments)
        assert done.exit_code == 2
        assert f"--sample writes data of its own, but {origin} says where data are" in done.stderr
    assert experiment.calls == experiment.samples == []


def test_sample_that_is_there_does_not_make_a_folder_used(mmbal: Any, experiment: Any) -> None:
    Path("here/sample").mkdir(parents=True)

    assert mmbal(*RECIPE, "--sample", "--out", "here").exit_code == 0
    assert mmbal(*RECIPE, "--out", "here").exit_code == 2
    Path("here/journal.jsonl").touch()  # of a run that was killed before it began
    assert mmbal(*RECIPE, "--sample", "--out", "here").exit_code == 0
    Path("here/journal.jsonl").write_text('{"event":"start"}\n')
    assert mmbal(*RECIPE, "--sample", "--out", "here").exit_code == 2


def test_json_is_one_object_on_the_last_line_of_stdout(mmbal: Any, experiment: Any) -> None:
    done = mmbal(*RECIPE, "--json")

    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert result["utilization"] == {"gray": 0.5, "color": None}
    assert result["d_util"] is None
    assert "a library talks" in done.stderr
    assert "NaN" not in done.stdout


def test_without_json_stdout_is_empty(mmbal: Any, experiment: Any) -> None:
    done = mmbal(*RECIPE)

    assert done.stdout == ""


def test_stderr_tells_progress_and_result(mmbal: Any, experiment: Any) -> None:
    done = mmbal(*RECIPE, "--set", "strategy.window=3", "--seed", 1, "--out", "here")

    lines = done.stderr.splitlines()
    assert "training: 2 epochs of 40 steps" in lines
    assert "epoch 1/2  loss 1.0000  d_speed undefined" in lines
    assert "measuring utilization" in lines
    assert "warning: the speed is undefined" in lines
    assert re.search(r"accuracy +0\.7500 ± 0\.0125 +0\.7000 +0\.6000", done.stderr)
    assert re.search(r"branch_accuracy/gray +0\.5000 +0\.4000 +0\.3000", done.stderr)
    assert re.search(r"gray +0\.5000 +█{5}░{5} +0\.2500 +0 of 80 steps \(0%\)", done.stderr)
    assert re.search(r"color +undefined +undefined +20 of 80 steps \(25%\)", done.stderr)
    assert "d_util   undefined" in done.stderr
    assert "branch_accuracy: it hears the others" in done.stderr
    assert "±: standard error over the examples" in done.stderr
    assert "learning speed: not comparable with another strategy's" in done.stderr
    assert "record: here" in lines
    assert "  mmbal report here" in lines
    assert "  mmbal run colored-digits --seed 1 --strategy vanilla" in lines
    assert "  mmbal compare here OTHER_RUN" in lines


def test_default_folder_names_the_run(mmbal: Any, experiment: Any) -> None:
    mmbal(*RECIPE, "--seed", 7)

    out = experiment.calls[0][2]
    assert re.fullmatch(r"runs/colored-digits-guided-seed7-\d{8}-\d{6}", str(out))


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(
    mmbal: Any, experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20260101-120000")
    made = []

    def run(resolved: Any, catalogue: Any, out: Path, *_: Any, **how: Any) -> dict[str, Any]:
        assert list(out.iterdir()) == []  # it is there before anything is loaded
        made.append(out.name)
        (out / "journal.jsonl").touch()
        return {}

    monkeypatch.setattr(experiment, "run", run)
    for _ in range(3):
        assert mmbal(*RECIPE).exit_code == 0

    first = "colored-digits-guided-seed0-20260101-120000"
    assert made == [first, f"{first}-2", f"{first}-3"]


def test_a_default_folder_of_a_run_that_fails_does_not_stay(mmbal: Any, experiment: Any) -> None:
    experiment.error = MmbalError("no data")

    assert mmbal(*RECIPE).exit_code == 2
    assert list(Path("runs").iterdir()) == []


def test_used_folder_is_refused(mmbal: Any, experiment: Any, tmp_path: Path) -> None:
    kept = tmp_path / "here" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("mine", encoding="utf-8")

    for out in ("here", "here/kept.txt"):
        done = mmbal(*RECIPE, "--out", out)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"error: --out {out} is ")
        assert done.stderr.count("\n") == 1
    assert kept.read_text(encoding="utf-8") == "mine"
    assert not experiment.calls


def test_evaluations_are_added_to_those_of_the_recipe(mmbal: Any) -> None:
    done = mmbal(*RECIPE, "--evaluation", "linear-probe", "--evaluation", "subsets",
                 "--set", "evaluations.linear-probe.pool=grid", "--print-config")  # fmt: skip
    evaluations = tomlkit.parse(done.stdout).unwrap()["evaluations"]
    assert [*evaluations] == ["accuracy", "utilization", "linear-probe", "subsets"]
    assert evaluations["linear-probe"]["pool"] == "grid"
    unknown = mmbal(*RECIPE, "--evaluation", "linear-prob")
    assert unknown.exit_code == 2
    assert "--evaluation linear-prob: unknown evaluation 'linear-prob'; did you" in unknown.stderr


def test_print_config_repeats_the_run(mmbal: Any, experiment: Any, tmp_path: Path) -> None:
    done = mmbal(*RECIPE, "--set", "strategy.window=3", "--print-config")
    (tmp_path / "again.toml").write_text(done.stdout, encoding="utf-8")
    again = mmbal("run", "--config", "again.toml", "--print-config")

    assert not experiment.calls
    first, second = (tomlkit.parse(each.stdout).unwrap() for each in (done, again))
    assert first == second
    assert first["strategy"]["window"] == 3
    assert "window = 3 # --set strategy.window=3" in done.stdout
    assert re.search(r"window = 3 # again.toml:\d+", again.stdout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "neither a recipe nor a dataset is named: give RECIPE or --dataset NAME"),
        (["run", "--plugin", "colored-digit"], "did you mean 'colored-digits'?"),
        ([*RECIPE, "--epochs", "x"], "'x' is not a valid integer"),
        ([*RECIPE, "--epochs", "0"], "--epochs 0: epochs must be greater than or equal to 1"),
        (
            [*RECIPE, "--strategy", "guided", "--strategy", "vanilla"],
            "given 2 times; strategies are composed by '+', as guided+vanilla",
        ),
        ([*RECIPE, "--strategy", "guide"], "--strategy guide: unknown strategy 'guide'; did you"),
        ([*RECIPE, "--set", "strategy.windw=1"], "unknown option 'windw'; did you mean 'window'?"),
        ([*RECIPE, "--set", "epochs"], "--set must be key=value"),
        ([*RECIPE, "--config", "absent.toml"], "cannot read absent.toml: No such file"),
        ([*RECIPE, "--sead", "1"], "--sead"),
        (["rnu"], "unknown command 'rnu'; did you mean 'run'?"),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(
    mmbal: Any, experiment: Any, arguments: list[str], message: str
) -> None:
    done = mmbal(*arguments)

    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not experiment.calls


def test_bug_keeps_its_traceback(mmbal: Any, experiment: Any) -> None:
    experiment.error = RuntimeError("ours")

    done = mmbal(*RECIPE)

    assert done.exception is experiment.error
    assert done.exit_code == 1


def test_environment_shows_where_an_error_was_raised(
    mmbal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMBAL_TRACEBACK", "1")

    done = mmbal("run", "--plugin", "nothing")

    assert "unknown recipe" in str(done.exception)
    assert not isinstance(done.exception, SystemExit)


def test_interrupted_run_tells_how_to_go_on(mmbal: Any, experiment: Any) -> None:
    experiment.error = Interrupted(Path("runs/r"), "stopped after 41 steps")

    done = mmbal(*RECIPE, "--json")

    assert done.exit_code == 130
    assert done.stdout == ""
    assert "interrupted: stopped after 41 steps\n" in done.stderr
    assert "readable: runs/r\n" in done.stderr
    for command in ("report runs/r", "evaluate runs/r --weights last", "run --config runs/r/"):
        assert f"mmbal {command}" in done.stderr


def test_ctrl_c_before_the_record_begins(mmbal: Any, experiment: Any) -> None:
    experiment.error = KeyboardInterrupt()

    done = mmbal(*RECIPE)

    assert done.exit_code == 130
    assert done.stderr.rstrip().endswith("interrupted")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--set", "architecture.branches.grey.backbone=small"],
            "architecture.branches: unknown modality 'grey'; did you mean 'gray'",
        ),
        (["--architecture", "mmtm-resnet18", "--set", "architecture.weights=x"], "is no file"),
        (
            ["--architecture", "mmtm-i3d", "--set", "architecture.branches.gray.weights=x"],
            "architecture.branches.gray.weights must be 'random' or a TensorFlow checkpoint",
        ),
        (["--strategy", "modality-dropout", "--set", "strategy.p={grey=0.1}"], "modality 'grey'"),
        (
            ["--strategy", "guided+modality-dropout", "--set",
             "strategy.modality-dropout.p={grey=0.1}"],
            "modality 'grey'",
        ),
        (
            ["--architecture", "late-concat", "--strategy", "adaptive-margin",
             "--set", 'strategy.modalities=["grey"]'],
            "strategy.modalities: unknown modality 'grey'",
        ),
        (["--architecture", "late-sum", "--set", "architecture.arguments={alpha=1}"], "backbone"),
        (["--set", "architecture.backbone=VGG16"], "needs the layers that an MMTM follows"),
    ],
)  # fmt: skip
def test_mistakes_in_options_are_told_before_anything_is_loaded(
    mmbal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = mmbal("run", "--dataset", "colored-digits", *options)

    assert done.exit_code == 2
    assert told in done.stderr
    assert "loading TensorFlow" not in done.stderr
    assert list(tmp_path.iterdir()) == []
