"""The written configuration is valid TOML and resolves to the same one."""

import subprocess
from pathlib import Path

import pytest
import tomlkit

from mmbal.config.assignment import parse_assignment
from mmbal.config.description import describe
from mmbal.config.provenance import provenance
from mmbal.config.resolution import resolve
from mmbal.config.writing import to_toml, with_provenance
from mmbal.registry.catalogue import Catalogue


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        ["strategy=vanilla", "evaluations=[]"],
        ["callbacks.stop={}", "evaluations.extra.batches=3", "optimizer=adamw"],
        ["dataset.folder=/data/ä b", "dataset.colour=blue", "dataset.split.train=0.25"],
        ["dataset.shares={a=0.5, b=1}", "data_dir=/x", "precision=mixed_bfloat16"],
        ["dataset.split.note='tab\there'", "optimizer.nesterov=true", "strategy.mode=none"],
    ],
)
def test_round_trip(toys: Catalogue, tmp_path: Path, assignments: list[str]) -> None:
    first = resolve(toys, "toy", None, list(map(parse_assignment, assignments)))
    file = tmp_path / "config.toml"
    table = provenance(toys, first.config, "c0ffee")
    text = with_provenance(to_toml(first.config, first.origins), table)
    file.write_text(text, encoding="utf-8")

    second = resolve(toys, None, file)

    assert second.config == first.config
    assert second.config.model_dump() == first.config.model_dump()
    assert set(second.origins) == set(first.origins)
    assert all(origin.startswith(f"{file}:") for origin in second.origins.values())


def test_every_option_is_written_with_its_origin(toys: Catalogue) -> None:
    found = resolve(toys, "toy", None, [parse_assignment("strategy.tolerance=0.1")])

    text = to_toml(found.config, found.origins)

    values = tomlkit.parse(text).unwrap()
    assert list(values["strategy"]) == [
        "name", "tolerance", "window", "low", "high", "update", "mode"
    ]  # fmt: skip
    assert "tolerance = 0.1 # --set strategy.tolerance=0.1" in text
    assert "window = 7 # recipe toy (mmbal-toys 3.1)" in text
    assert "low = 0 # default" in text
    assert 'data_dir = "none" # default' in text


def test_provenance_takes_the_place_of_an_older_one_and_leaves_the_rest(toys: Catalogue) -> None:
    plan = resolve(toys, "toy")
    text = to_toml(plan.config, plan.origins)

    once = with_provenance(text, {"mmbal": "1", "git_commit": "c0ffee", "plugins": {"a": "a 1"}})
    again = with_provenance(once, {"mmbal": "2", "plugins": {"b": "b 1"}})

    assert once.startswith(text)
    assert again.startswith(text)
    assert tomlkit.parse(again).unwrap()["provenance"] == {"mmbal": "2", "plugins": {"b": "b 1"}}


def test_provenance_names_versions_plugins_and_data(
    toys: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no git tree

    table = provenance(toys, resolve(toys, "toy").config, "c0ffee")

    assert table["dataset_fingerprint"] == "c0ffee"
    assert table["plugins"]["toys"] == "mmbal-toys 3.1"
    assert table["plugins"]["builtin"].startswith("mmbal ")
    assert {"mmbal", "tensorflow", "keras", "python"} <= set(table)
    assert "git_commit" not in table


def test_provenance_has_the_commit_and_whether_it_is_clean(
    toys: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@x"]
        return subprocess.check_output(["git", *who, *words], text=True).strip()

    def state() -> tuple[str, bool]:
        table = provenance(toys, config, "c0ffee")
        return table["git_commit"], table["git_dirty"]

    monkeypatch.chdir(tmp_path)
    config, file = resolve(toys, "toy").config, tmp_path / "file.py"
    git("init", "-q")
    file.write_text("1", encoding="utf-8")
    git("add", "file.py")
    git("commit", "-qm", "first")
    git("tag", "-am", "tagged", "v1")
    (tmp_path / "untracked.py").touch()

    commit = git("rev-parse", "HEAD")
    assert state() == (commit, False)
    file.write_text("2", encoding="utf-8")
    assert state() == (commit, True)


def test_options_in_words(toys: Catalogue) -> None:
    found = {o.name: o for o in describe(toys.options_class("strategy", "guided"))}
    data = {o.name: o for o in describe(toys.options_class("dataset", "toy"))}

    tolerance = found["tolerance"]
    assert (tolerance.type, tolerance.legal, tolerance.default) == ("number", ">= 0", 0.02)
    assert tolerance.help == "in nats"
    assert found["update"].legal == "all, isolated"
    assert data["seed"].type == "integer or none"
    assert data["folder"].type == "path or none"
    assert data["shape"].type == "list (integer, integer)"
    assert data["colour"].legal == "red, blue"
    assert data["split"].type == "table"
    [size] = describe(toys.options_class("architecture", "needy"))
    assert size.required
