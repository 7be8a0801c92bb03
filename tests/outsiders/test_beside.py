"""The plugins of test_installed.py where Python looks, without pip: found, and trained once."""

import json
import re
import sys
from pathlib import Path

import pytest
import tomlkit
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.registry.discovery import discover
from mmbal.scaffold import KINDS

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
NEW = {kind: f"my-{kind}" for kind in KINDS}


def mmbal(*words):
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Write a new plugin of every kind; return their folders and those of the examples."""
    place = tmp_path_factory.mktemp("new")
    for kind, name in NEW.items():
        mmbal("plugins", "new", name, "--kind", kind, "--directory", str(place / name))
    return [*(place / name for name in NEW.values()), *EXAMPLES]


@pytest.fixture(autouse=True)
def _beside(folders, tmp_path, monkeypatch):
    """Tell Python of them as pip does, until the test ends."""
    monkeypatch.chdir(tmp_path)
    for folder in folders:
        project = tomlkit.parse((folder / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = project["entry-points"]["mmbal"].items()
        lines = ["[mmbal]", *(f"{name} = {module}" for name, module in points)]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(folder / "src"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name, module in list(sys.modules.items()):
        file = Path(getattr(module, "__file__", None) or "/")
        if any(file.is_relative_to(folder) for folder in folders):
            del sys.modules[name]


def test_all_are_found_and_described():
    catalogue = discover()

    assert catalogue.problems == []
    names = {*NEW.values(), *(example.name.removeprefix("mmbal-") for example in EXAMPLES)}
    assert names <= {each.plugin for each in catalogue.plugins}
    for each in catalogue.components():
        if each.name in names:
            told = mmbal("plugins", "show", each.name, "--kind", each.kind)
            assert f"{each.kind} {each.name}: " in told


def test_new_plugins_of_every_kind_train_together():
    told = mmbal(
        "run", "--plugin", NEW["recipe"], "--dataset", NEW["dataset"],
        "--architecture", NEW["architecture"], "--strategy", NEW["strategy"], "--epochs", "1",
        "--set", f"evaluations.{NEW['evaluation']}.bins=10",
        "--set", f"callbacks.{NEW['callback']}.accuracy=0.01", "--out", "run", "--json",
    )  # fmt: skip

    assert json.loads(told)["recipe"] == NEW["recipe"]
    config = Path("run/config.toml").read_text(encoding="utf-8")
    for kind in ("dataset", "architecture", "strategy"):
        assert f'name = "{NEW[kind]}"' in config
    scores = [
        line for line in Path("run/journal.jsonl").read_text().splitlines() if "score" in line
    ]
    assert any(f'"{NEW["evaluation"]}"' in line for line in scores)


def test_sample_of_a_new_dataset_is_sound():
    mmbal("data", "sample", NEW["dataset"], "sample")

    assert re.search("sound$", mmbal("data", "check", NEW["dataset"], "sample").strip())


@pytest.mark.deep
def test_examples_train_together():
    told = json.loads(
        mmbal("run", "--plugin", "paired-digits", "--strategy", "round-robin", "--epochs", "1",
              "--set", "strategy.turn=3", "--out", "run", "--json")
    )  # fmt: skip

    assert (told["architecture"], told["strategy"]) == ("cross-attention", "round-robin")
    assert list(told["utilization"]) == ["image", "profile"]
    assert told["steps"] == -(-1079 // 16)  # 1,797 digits less two fifths


def test_strategy_of_the_examples_keeps_the_rules_that_need_no_process():
    told = mmbal("plugins", "check", "round-robin", "--rule", "training", "--rule", "effect",
                 "--json")  # fmt: skip

    assert [rule["status"] for rule in json.loads(told)["rules"]] == ["ok", "ok"]
