"""`mmbal` as users run it."""

import json

import pytest
import tomlkit
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.records.record_file import read_record

KEYS = {
    "run", "recipe", "dataset", "architecture", "strategy", "seed", "epochs", "steps", "test",
    "validation", "utilization", "d_util", "learning_speed", "d_speed", "rebalancing_steps",
    "seconds", "selected_epoch", "last", "headlines", "meanings",
}  # fmt: skip
ERROR = 2


def scores(result):
    """Return what may not differ between equal runs."""
    return {name: value for name, value in result.items() if name not in ("run", "seconds")}


@pytest.fixture(scope="session")
def first(trained):
    """Return the result of the run that `trained` made."""
    return json.loads(trained.stdout)


@pytest.mark.deep
def test_run_prints_one_object_and_tells_the_rest_on_stderr(trained, first):
    assert trained.stdout.count("\n") == 1
    assert set(first) == KEYS
    assert first["run"] == "first"
    assert first["steps"] == 6  # 180 examples by 32
    assert set(first["rebalancing_steps"]) == {"gray", "color"}
    for text in ("epoch 1/1", "guided strategy, seed 0", "mmbal report first"):
        assert text in trained.stderr
    assert "Traceback" not in trained.stderr
    assert "Warning" not in trained.stderr


@pytest.mark.deep
def test_evaluate_gives_the_same_numbers(script, first):
    again = json.loads(script("evaluate", "first", "--json").stdout)

    assert again["accuracy"] == pytest.approx(first["test"]["accuracy"])
    assert again["loss"] == pytest.approx(first["test"]["loss"], rel=1e-4)
    for name, value in first["utilization"].items():
        assert again[f"utilization/{name}"] == pytest.approx(value)


@pytest.mark.deep
def test_report(script, first):
    shown = script("report", "first")
    told = json.loads(script("report", "first", "--json").stdout)

    assert "branch_accuracy/gray" in shown.stdout
    assert f"{first['test']['accuracy']:.4f}" in shown.stdout
    assert told["status"] == "finished"
    for key in KEYS - {"last", "selected_epoch"}:
        assert told[key] == first[key], key


@pytest.mark.deep
def test_config_of_a_run_repeats_it(mmbal, first):
    repeated = mmbal("run", "--config", "first/config.toml", "--out", "again", "--json")

    assert scores(json.loads(repeated.stdout)) == scores(first)


def test_printed_config_reproduces_itself(tmp_path):
    def printed(*arguments):
        words = map(str, ("run", *arguments, "--print-config"))
        return CliRunner().invoke(cli, list(words)).stdout

    chosen = ("--seed", 3, "--epochs", 2, "--set", "strategy.window=7")
    file = tmp_path / "printed.toml"
    file.write_text(printed("--plugin", "colored-digits", *chosen))

    config = tomlkit.parse(file.read_text())
    assert (config["seed"], config["epochs"], config["strategy"]["window"]) == (3, 2, 7)
    assert tomlkit.parse(printed("--config", file)) == config


@pytest.mark.deep
def test_compare_of_two_seeds(mmbal, script, first):
    other = mmbal.train("other", "--seed", 1)

    compared = json.loads(script("compare", "first", "other", "--json").stdout)
    shown = script("compare", "first", "other")

    assert other["seed"] == 1
    assert scores(other) != scores(first)
    text = json.dumps(compared)
    mean = (first["test"]["accuracy"] + other["test"]["accuracy"]) / 2
    assert str(round(mean, 6))[:6] in text
    assert "±" in shown.stdout


@pytest.mark.deep
@pytest.mark.parametrize("strategy", ["random", "vanilla"])
def test_other_strategies_run(mmbal, strategy):
    options = ["--set", "strategy.warmup=0"] if strategy == "random" else []
    result = mmbal.train(strategy, "--strategy", strategy, *options)

    assert result["strategy"] == strategy
    isolated = sum(result["rebalancing_steps"].values())
    assert isolated > 0 if strategy == "random" else isolated == 0


MISTAKES = pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--plugin", "colored-digit"), "did you mean 'colored-digits'?"),
        (("run", "--plugin", "colored-digits", "--stratgy", "x"), "--stratgy"),
        (("run", "--plugin", "colored-digits", "--set", "strategy.windw=3"), "windw"),
        (("run", "--plugin", "colored-digits", "--seed", "-1"), "seed"),
        (("run", "--plugin", "colored-digits", "--out", "full"), "is not empty"),
        (("evaluate", "nowhere"), "nowhere is no run"),
        (("report", "nowhere"), "nowhere"),
        (("repotr",), "did you mean 'report'?"),
    ],
)


@pytest.fixture
def full(tmp_path):
    """Return a folder that holds one that is not empty; nothing may change there."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    yield tmp_path
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "file"]


def assert_one_line(stdout, stderr, message):
    assert stdout == ""
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert message in stderr


@MISTAKES
def test_mistakes_are_one_line(full, monkeypatch, arguments, message):
    monkeypatch.chdir(full)
    failed = CliRunner().invoke(cli, arguments)
    assert failed.exit_code == ERROR
    assert_one_line(failed.stdout, failed.stderr, message)


@pytest.mark.deep
@MISTAKES
def test_mistakes_are_one_line_of_a_process(script, full, arguments, message):
    failed = type(script)(full)(*arguments, status=ERROR)
    assert_one_line(failed.stdout, failed.stderr, message)


@pytest.mark.deep
def test_what_keras_refuses_is_one_line_after_the_progress(mmbal):
    clips = ("--set", "optimizer.clipnorm=1", "--set", "optimizer.clipvalue=1")
    failed = mmbal("run", *mmbal.small, *clips, "--out", "refused", status=ERROR)

    assert failed.stderr.splitlines()[-1].startswith("error: optimizer 'adam': ")
    assert "Traceback" not in failed.stderr
    assert not (mmbal.folder / "refused").exists()


@pytest.mark.deep
def test_sample_check_and_train_on_files(mmbal, script):
    files = script("data", "sample", "colored-mnist", "mnist").stdout.splitlines()
    checked = script("data", "check", "colored-mnist", "mnist")
    arguments = ("--plugin", "colored-mnist", "--data-dir", "mnist", "--epochs", 1)
    done = mmbal("run", *arguments, "--out", "on-files", "--json")

    assert len(files) == 4
    assert checked.stdout == "colored-mnist in mnist: sound\n"
    assert json.loads(done.stdout)["dataset"] == "colored-mnist"
    assert read_record(mmbal.folder / "on-files" / "record.h5").status == "finished"
