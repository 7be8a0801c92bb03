"""`mmbal` as users run it."""

import json

import pytest
import tomlkit

from mmbal.recording.reader import read_record

KEYS = {
    "run", "recipe", "dataset", "architecture", "strategy", "seed", "epochs", "steps", "test",
    "validation", "utilization", "d_util", "learning_speed", "d_speed", "rebalancing_steps",
    "seconds", "selected_epoch", "last",
}  # fmt: skip
ERROR = 2


def scores(result):
    """Return what may not differ between equal runs."""
    return {name: value for name, value in result.items() if name not in ("run", "seconds")}


@pytest.fixture(scope="session")
def first(trained):
    """Return the result of the run that `trained` made."""
    return json.loads(trained.stdout)


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


def test_evaluate_gives_the_same_numbers(mmbal, first):
    again = json.loads(mmbal("evaluate", "first", "--json").stdout)

    assert again["accuracy"] == pytest.approx(first["test"]["accuracy"])
    assert again["loss"] == pytest.approx(first["test"]["loss"], rel=1e-4)
    for name, value in first["utilization"].items():
        assert again[f"utilization/{name}"] == pytest.approx(value)


def test_report(mmbal, first):
    shown = mmbal("report", "first")
    told = json.loads(mmbal("report", "first", "--json").stdout)

    assert "gray alone" in shown.stdout
    assert f"{first['test']['accuracy']:.4f}" in shown.stdout
    assert told["status"] == "finished"
    for key in KEYS - {"last", "selected_epoch"}:
        assert told[key] == first[key], key


def test_config_of_a_run_repeats_it(mmbal, first):
    repeated = mmbal("run", "--config", "first/config.toml", "--out", "again", "--json")

    assert scores(json.loads(repeated.stdout)) == scores(first)


def test_printed_config_reproduces_itself(mmbal):
    chosen = ("--seed", 3, "--epochs", 2, "--set", "strategy.window=7")
    printed = mmbal("run", *mmbal.small, *chosen, "--print-config").stdout
    (mmbal.folder / "printed.toml").write_text(printed)

    again = mmbal("run", "--config", "printed.toml", "--print-config").stdout

    config = tomlkit.parse(printed)
    assert (config["seed"], config["epochs"], config["strategy"]["window"]) == (3, 2, 7)
    assert tomlkit.parse(again) == config


def test_compare_of_two_seeds(mmbal, first):
    other = mmbal.train("other", "--seed", 1)

    compared = json.loads(mmbal("compare", "first", "other", "--json").stdout)
    shown = mmbal("compare", "first", "other")

    assert other["seed"] == 1
    assert scores(other) != scores(first)
    text = json.dumps(compared)
    mean = (first["test"]["accuracy"] + other["test"]["accuracy"]) / 2
    assert str(round(mean, 6))[:6] in text
    assert "±" in shown.stdout


@pytest.mark.parametrize("strategy", ["random", "vanilla"])
def test_other_strategies_run(mmbal, strategy):
    options = ["--set", "strategy.warmup=0"] if strategy == "random" else []
    result = mmbal.train(strategy, "--strategy", strategy, *options)

    assert result["strategy"] == strategy
    isolated = sum(result["rebalancing_steps"].values())
    assert isolated > 0 if strategy == "random" else isolated == 0


@pytest.mark.parametrize(
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
def test_mistakes_are_one_line(mmbal, arguments, message):
    folder = mmbal.folder / "full"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text("mine")

    failed = mmbal(*arguments, status=ERROR)

    assert failed.stdout == ""
    assert failed.stderr.startswith("error: ")
    assert failed.stderr.count("\n") == 1
    assert message in failed.stderr
    assert [file.name for file in folder.iterdir()] == ["file"]


def test_what_keras_refuses_is_one_line_after_the_progress(mmbal):
    clips = ("--set", "optimizer.clipnorm=1", "--set", "optimizer.clipvalue=1")
    failed = mmbal("run", *mmbal.small, *clips, "--out", "refused", status=ERROR)

    assert failed.stderr.splitlines()[-1].startswith("error: optimizer 'adam': ")
    assert "Traceback" not in failed.stderr
    assert not (mmbal.folder / "refused").exists()


def test_sample_check_and_train_on_files(mmbal):
    files = mmbal("data", "sample", "colored-mnist", "mnist").stdout.splitlines()
    checked = mmbal("data", "check", "colored-mnist", "mnist")
    arguments = ("--plugin", "colored-mnist", "--data-dir", "mnist", "--epochs", 1)
    done = mmbal("run", *arguments, "--out", "on-files", "--json")

    assert len(files) == 4
    assert checked.stdout == "colored-mnist in mnist: sound\n"
    assert json.loads(done.stdout)["dataset"] == "colored-mnist"
    assert read_record(mmbal.folder / "on-files").status == "finished"
