"""`mmbal sweep` from its arguments to its output, on an engine that only writes files."""

import csv
import io
import json
import re
import shlex
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine
from rich.console import Console

from mmbal.cli.progress import SweepProgress
from mmbal.errors import MmbalError
from mmbal.sweep import ray_engine

SWEEP = ("sweep", "--plugin", "colored-digits", "--out", "s")


def rows(folder: str = "s") -> list[dict[str, str]]:
    with Path(folder, "table.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_grid_is_run_and_tabulated(mmbal: Any, engines: FakeEngine) -> None:
    done = mmbal(*SWEEP, "--strategy", "guided,vanilla", "--seeds", "0-1", "--set",
                 "guided.tolerance=0.1,0.2", "--epochs", 2, "--batch-size", 16)  # fmt: skip

    assert done.exit_code == 0, done.output
    assert engines.ran == [
        "guided-seed0-tolerance=0.1", "guided-seed0-tolerance=0.2",
        "guided-seed1-tolerance=0.1", "guided-seed1-tolerance=0.2",
        "vanilla-seed0", "vanilla-seed1",
    ]  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].split()[:5] == ["recipe", "strategy", "settings", "n", "accuracy"]
    assert lines[1].split()[:6] == ["toy", "guided", "strategy.tolerance=0.1", "2", "0.700", "±"]
    assert lines[3].split()[:4] == ["toy", "vanilla", "2", "0.700"]
    told = done.stderr.splitlines()
    assert told[0] == "6 trials; 6 to run"
    assert "[1/6] guided-seed0-tolerance=0.1  accuracy 0.7000  3.5 seconds" in told
    assert told[-1] == "6 finished; one row per trial: s/table.csv"
    assert [row["status"] for row in rows()] == ["finished"] * 6
    assert rows()[1]["strategy.tolerance"] == "0.2"


def test_what_ray_prints_is_not_in_the_table(mmbal: Any, engines: FakeEngine) -> None:
    done = mmbal(*SWEEP)

    assert "raylet" not in done.stdout
    assert "(raylet) something\n" in done.stderr


def test_json_is_one_object_on_the_last_line_of_stdout(mmbal: Any, engines: FakeEngine) -> None:
    done = mmbal(*SWEEP, "--seeds", "0,3", "--json")

    assert done.stdout.count("\n") == 1
    told = json.loads(done.stdout)
    assert (told["sweep"], told["table"]) == ("s", "s/table.csv")
    assert told["counts"] == {"finished": 2}
    assert [trial["seed"] for trial in told["trials"]] == [0, 3]
    assert told["comparison"]["groups"][0]["statistics"]["accuracy"]["mean"] == 0.7
    assert "0.700 ± 0.000" in done.stderr


def test_a_list_of_trials(mmbal: Any, engines: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("strategy,epochs\nvanilla,1\nguided,2\n")

    assert mmbal(*SWEEP, "--trials", "list.csv", "--seeds", "0-1").exit_code == 0

    assert [row["trial"] for row in rows()] == [
        "guided-seed0-epochs=2", "guided-seed1-epochs=2",
        "vanilla-seed0-epochs=1", "vanilla-seed1-epochs=1",
    ]  # fmt: skip


def test_a_file_and_all_other_options(mmbal: Any, engines: FakeEngine, tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('recipe = "colored-digits"\nepochs = 5\n')

    done = mmbal("sweep", "--config", "base.toml", "--out", "s", "--data-dir", "d", "--dataset",
                 "colored-digits", "--architecture", "mmtm-cnn", "--cpus-per-trial", 2,
                 "--gpus-per-trial", 0.5, "--concurrent", 3, "--retries", 4,
                 "--address", "head:6379")  # fmt: skip

    assert done.exit_code == 0, done.output
    assert vars(engines.resources) == {
        "engine": "ray", "address": "head:6379", "threads": 2, "gpus": 0.5, "concurrent": 3,
        "retries": 4,
    }  # fmt: skip
    config = Path("s/trials/guided-seed0/config.toml").read_text()
    assert "epochs = 5 # base.toml:2" in config
    assert f'data_dir = "{tmp_path}/d" # --data-dir d' in config


def test_dry_run_lists_and_writes_nothing(mmbal: Any, engines: FakeEngine, tmp_path: Path) -> None:
    options = (*SWEEP, "--strategy", "guided,vanilla", "--set", "guided.window=1,2", "--dry-run")

    shown = mmbal(*options)
    told = json.loads(mmbal(*options, "--json").stdout)

    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["trial", "strategy", "seed", "strategy.window", "status"],
        ["guided-seed0-window=1", "guided", "0", "1", "waiting"],
        ["guided-seed0-window=2", "guided", "0", "2", "waiting"],
        ["vanilla-seed0", "vanilla", "0", "-", "waiting"],
    ]
    assert shown.stderr == "3 of 3 trials would run\n"
    assert told["counts"] == {"waiting": 3}
    assert engines.ran == []
    assert list(tmp_path.iterdir()) == []


def test_again_runs_nothing_twice(mmbal: Any, engines: FakeEngine) -> None:
    mmbal(*SWEEP, "--seeds", "0-1")
    again = mmbal(*SWEEP, "--seeds", "0-2")
    alone = mmbal("sweep", "--out", "s")

    assert engines.ran == ["guided-seed0", "guided-seed1", "guided-seed2"]
    assert "3 trials, 2 are finished already; 1 to run" in again.stderr
    assert "3 trials, 3 are finished already; 0 to run" in alone.stderr
    assert alone.exit_code == 0
    assert alone.stdout == again.stdout


def test_other_values_add_their_trials(mmbal: Any, engines: FakeEngine) -> None:
    mmbal(*SWEEP, "--seeds", "0")
    added = mmbal(*SWEEP, "--seeds", "1")

    assert engines.ran == ["guided-seed0", "guided-seed1"]
    assert added.stdout.splitlines()[1].split()[:3] == ["toy", "guided", "2"]


def test_a_failed_trial_stops_no_other_and_is_tried_again(mmbal: Any, engines: FakeEngine) -> None:
    engines.failing = ("guided-seed0",)

    failed = mmbal(*SWEEP, "--seeds", "0-1", "--concurrent", 2)
    engines.failing = ()
    repaired = mmbal("sweep", "--out", "s")

    assert failed.exit_code == 1
    assert "[1/2] guided-seed0  failed: it has no data" in failed.stderr
    assert "1 finished, 1 failed; one row" in failed.stderr
    assert "try again what failed:  mmbal sweep --out s --concurrent 2\n" in failed.stderr
    assert repaired.exit_code == 0
    assert engines.ran == ["guided-seed0", "guided-seed1", "guided-seed0"]


@pytest.mark.parametrize(
    ("which", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGHUP, 75)]
)
def test_a_stopped_sweep_tells_how_to_go_on(
    mmbal: Any, engines: FakeEngine, which: signal.Signals, code: int
) -> None:
    engines.stop_after, engines.signal = 1, which

    stopped = mmbal(*SWEEP, "--seeds", "0-2", "--gpus-per-trial", 0.5, "--address", "auto")
    engines.stop_after = None
    done = mmbal("sweep", "--out", "s")

    assert stopped.exit_code == code
    assert "1 finished, 2 waiting" in stopped.stderr
    assert stopped.stderr.splitlines()[-1] == (
        "to go on:  mmbal sweep --out s --address auto --gpus-per-trial 0.5"
    )
    assert done.exit_code == 0
    assert engines.ran == ["guided-seed0", "guided-seed1", "guided-seed2"]


def test_equal_trials_run_once(mmbal: Any, engines: FakeEngine) -> None:
    assert mmbal(*SWEEP, "--seeds", "0,0,1").exit_code == 0
    assert engines.ran == ["guided-seed0", "guided-seed1"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "processes"),
        (["--engine", "ray"], "ray"),
        (["--address", "auto"], "ray"),
        (["--engine", "ray", "--address", "auto", "--gpus-per-trial", 0.5], "ray"),
    ],
)
def test_trials_are_processes_unless_ray_is_asked_for(
    mmbal: Any, engines: FakeEngine, options: list[Any], expected: str
) -> None:
    assert mmbal(*SWEEP, *options).exit_code == 0
    assert engines.resources.engine == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "--plugin", "colored-digits"], "Missing option '--out'"),
        (["sweep", "--out", "s"], "--out s holds no sweep to go on with: give --plugin RECIPE"),
        (["sweep", "--out", "s", "--seeds", "0"], "neither a recipe nor a dataset is named"),
        (["sweep", "--plugin", "x", "--out", "s"], "unknown recipe 'x'"),
        ([*SWEEP, "--strategy", "guided,vanila"], "did you mean 'vanilla'?"),
        ([*SWEEP, "--seeds", "4-0"], "--seeds must be numbers and rising ranges"),
        ([*SWEEP, "--set", "strategy.windw=1,2"], "did you mean 'window'?"),
        ([*SWEEP, "--set", "epochs"], "--set must be key=value"),
        ([*SWEEP, "--set", "epochs=1,0"], "--set epochs=0: epochs must be greater"),
        ([*SWEEP, "--epochs", "1", "--set", "epochs=2"], "epochs is also set by --epochs 1"),
        ([*SWEEP, "--trials", "absent.csv"], "cannot read absent.csv"),
        ([*SWEEP, "--config", "absent.toml"], "cannot read absent.toml"),
        ([*SWEEP, "--cpus-per-trial", "0"], "'--cpus-per-trial': 0 is not in the range"),
        ([*SWEEP, "--gpus-per-trial", "-1"], "'--gpus-per-trial': -1"),
        ([*SWEEP, "--gpus-per-trial", "0.5"], "--gpus-per-trial 0.5: a process takes whole GPUs"),
        ([*SWEEP, "--engine", "processes", "--address", "auto"], "use --engine ray"),
        ([*SWEEP, "--engine", "slurm"], "'slurm' is not one of 'processes', 'ray'"),
        ([*SWEEP, "--concurrent", "0"], "'--concurrent': 0 is not in the range"),
        ([*SWEEP, "--retries", "-1"], "'--retries': -1 is not in the range"),
        (["sweep", "--plugin", "colored-digits", "--out", "full"], "holds no sweep.toml; name"),
        (["sweep", "--plugin", "colored-digits", "--out", "full/file"], "is a file; name"),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(
    mmbal: Any, engines: FakeEngine, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")

    done = mmbal(*arguments)

    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not engines.ran
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full"]


def test_a_changed_plan_is_refused(mmbal: Any, engines: FakeEngine) -> None:
    mmbal(*SWEEP, "--epochs", 1)

    done = mmbal(*SWEEP, "--epochs", 2)

    assert done.exit_code == 2
    assert "guided-seed0 holds a run of another configuration: epochs 1 instead" in done.stderr


def test_what_the_engine_refuses_is_one_line(mmbal: Any, engines: FakeEngine) -> None:
    engines.error = MmbalError("this machine has 2 CPUs")

    done = mmbal(*SWEEP)

    assert done.exit_code == 2
    assert done.stderr.splitlines() == ["1 trials; 1 to run", "error: this machine has 2 CPUs"]


def test_without_ray_nothing_is_begun(
    mmbal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine.importlib.util, "find_spec", lambda name: None)

    done = mmbal(*SWEEP, "--engine", "ray")

    assert done.exit_code == 2
    assert "pip install 'mmbal[sweep]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_a_bar() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, highlight=False)
    with SweepProgress(console, 3, {"finished": 1}) as bar:
        bar.heard({"trial": "t", "status": "finished", "accuracy": 0.5, "seconds": 2.0})
        bar.heard({"trial": "u", "status": "half-done", "error": ""})

    assert "3 trials, 1 are finished already; 2 to run" in out.getvalue()
    assert "[2/3] t  accuracy 0.5000  2.0 seconds" in out.getvalue()
    assert "trials" in out.getvalue().split("to run")[1]
    assert "[2/3] u" not in out.getvalue()


def test_the_commands_of_the_guide_run(mmbal: Any, engines: FakeEngine, tmp_path: Path) -> None:
    guide = Path(__file__).parents[2].joinpath("docs", "sweeps.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL))
    listing = re.search(r"cat > (\S+) <<END\n(.*?)^END", blocks, re.MULTILINE | re.DOTALL)
    assert listing
    (tmp_path / listing[1]).write_text(listing[2], encoding="utf-8")
    commands = [
        shlex.split(line.replace("\\\n", " "))[1:]
        for line in re.findall(r"^mmbal (?:.*\\\n)*.*$", blocks, re.MULTILINE)
    ]
    assert len(commands) == 4

    for words in commands:
        done = mmbal(*(word for word in words if word != "--dry-run"))
        assert done.exit_code == 0, done.output
    assert len(engines.ran) == 6 + 3 + 4


def test_ablation_runs_every_modality_alone_beside_all(mmbal: Any, engines: FakeEngine) -> None:
    done = mmbal(*SWEEP, "--strategy", "guided,vanilla", "--ablate")

    assert done.exit_code == 0, done.output
    assert {(row["strategy"], row["modalities"]) for row in rows()} == {
        ("guided", "all"), ("vanilla", "all"), ("vanilla", "color"), ("vanilla", "gray"),
    }  # fmt: skip
    assert len(engines.ran) == 4
    assert mmbal("sweep", "--out", "s").exit_code == 0
    assert len(engines.ran) == 4


@pytest.mark.parametrize(
    ("arguments", "probed"),
    [
        (["--ablate"], True),
        (["--ablate", "--set", 'evaluations=["accuracy"]'], False),
        (["--ablate", "--set", "evaluations.linear-probe.pool=grid"], True),
        (["--evaluation", "linear-probe"], True),
        ([], False),
    ],
)
def test_probes_go_with_an_ablation(
    mmbal: Any, engines: FakeEngine, arguments: list[str], probed: bool
) -> None:
    done = mmbal(*SWEEP, *arguments)

    assert done.exit_code == 0, done.output
    for config in Path("s").glob("trials/*/config.toml"):
        evaluations = tomllib.loads(config.read_text(encoding="utf-8"))["evaluations"]
        assert ("linear-probe" in evaluations) == probed


def test_modalities_of_all_trials(mmbal: Any, engines: FakeEngine) -> None:
    assert mmbal(*SWEEP, "--modalities", "gray", "--dry-run").exit_code == 0
    refused = mmbal(*SWEEP, "--modalities", "grey", "--dry-run")
    assert refused.exit_code == 2
    assert "error: --modalities grey: unknown modality 'grey'; did you mean" in refused.stderr
    both = mmbal(*SWEEP, "--modalities", "gray", "--set", 'modalities=["color"]', "--dry-run")
    assert "modalities is also set by --modalities gray" in both.stderr


def test_ablation_of_nothing_is_refused(mmbal: Any, engines: FakeEngine) -> None:
    assert "neither a recipe nor a dataset" in mmbal("sweep", "--out", "s", "--ablate").stderr
