"""`mmbal evaluate`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmbal.registry.catalogue import Catalogue, Provenance


def test_scores_as_table_and_as_json(mmbal: Any, experiment: Any, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "config.toml").touch()

    table = mmbal("evaluate", "r")
    as_json = mmbal("evaluate", "r", "--split", "train", "--weights", "last", "--data-dir", "d",
                    "--other-data",                    "--json")  # fmt: skip

    assert re.search(r"accuracy +0\.5000", table.stdout)
    assert re.search(r"utilization/gray +undefined", table.stdout)
    assert json.loads(as_json.stdout)["utilization/gray"] is None
    assert [call[2:] for call in experiment.calls] == [
        ("test", "selected", None, False, False),
        ("train", "last", Path("d"), True, False),
    ]


def test_evaluations_of_several_runs(mmbal: Any, experiment: Any, tmp_path: Path) -> None:
    for name in "rs":
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").touch()

    done = mmbal("evaluate", "r", "s", "--evaluation", "subsets", "--set",
                 'evaluations.subsets.absences=["zero"]', "--save-predictions")  # fmt: skip

    assert done.exit_code == 0
    assert experiment.wanted == (("subsets",), [("evaluations.subsets.absences", ["zero"])])
    assert [call[0] for call in experiment.calls] == [Path("r"), Path("s")]
    assert all(call[-1] for call in experiment.calls)
    assert done.stderr.count("subsets: now in the record") == 2
    as_json = json.loads(mmbal("evaluate", "r", "s", "--json").stdout)
    assert [each["run"] for each in as_json] == ["r", "s"]


def test_scores_that_are_asked_for(mmbal: Any, experiment: Any, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "config.toml").touch()

    shown = mmbal("evaluate", "r", "--score", "acc*y").stdout
    assert re.search(r"accuracy +0\.5000 +0\.1250", shown)
    assert "utilization" not in shown
    unknown = mmbal("evaluate", "r", "--score", "acuracy")
    assert unknown.exit_code == 2
    assert "did you mean 'accuracy'" in unknown.stderr


def test_folder_that_is_no_run(mmbal: Any, experiment: Any) -> None:
    done = mmbal("evaluate", "r")

    assert done.exit_code == 2
    assert done.stderr == "error: r is no run: it holds no config.toml\n"


def test_unknown_split(mmbal: Any, experiment: Any) -> None:
    done = mmbal("evaluate", "r", "--split", "tset")

    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1


@pytest.fixture
def with_card(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Catalogue]:
    """Return a function that installs plugins with the hook, or none."""

    def install(*hooks: Any) -> Catalogue:
        catalogue = Catalogue()
        for hook in hooks:
            catalogue.add_card(hook, Provenance("measures", "mmbal-measures 0.1"))
        monkeypatch.setattr("mmbal.registry.discovery.discover", lambda: catalogue)
        return catalogue

    return install


def test_card_of_runs(
    mmbal: Any, experiment: Any, write_run: Any, with_card: Any, tmp_path: Path
) -> None:
    handed: list[Any] = []

    def card(runs: Any) -> Any:
        handed.extend(runs)
        handed.append(runs[0].measure(["shapley"]))
        print("a plugin talks")
        return type("Card", (), {"values": {"verdict": "none"}, "__str__": lambda _: "a table"})()

    with_card(card)
    write_run("r")
    write_run("s", seed=1)
    done = mmbal("evaluate", "r", "s", "--card", "--data-dir", tmp_path)

    assert (done.exit_code, done.stdout) == (0, "a table\n")
    assert [(str(each.path), each.record.seed, each.alone) for each in handed[:2]] == [
        ("r", 0, {}), ("s", 1, {}),
    ]  # fmt: skip
    assert handed[2].recipe == "toy"
    assert experiment.calls == [(Path("r"), _Any(), "test", "selected", tmp_path, False, False)]
    assert experiment.wanted[0] == ["shapley"]
    as_json = mmbal("evaluate", "r", "--card", "--json")
    assert json.loads(as_json.stdout) == {"verdict": "none"}


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def test_card_without_the_plugin(mmbal: Any, write_run: Any, with_card: Any) -> None:
    catalogue = with_card()
    write_run("r")

    done = mmbal("evaluate", "r", "--card")
    assert done.exit_code == 2
    assert done.stderr.endswith("error: no plugin makes cards: pip install mmbal-measures\n")

    catalogue.problems.append(Provenance("measures", "mmbal-measures 0.1").fault("cannot import"))
    broken = mmbal("evaluate", "r", "--card")
    assert "; not everything of measures could be loaded, see `mmbal plugins`" in broken.stderr


@pytest.mark.parametrize(
    "option",
    [
        ["--evaluation", "subsets"], ["--set", "evaluations.subsets.absences=[]"],
        ["--split", "train"], ["--weights", "last"], ["--other-data"], ["--score", "gain*"],
        ["--save-predictions"],
    ],
)  # fmt: skip
def test_card_heeds_no_other_options(mmbal: Any, write_run: Any, option: list[str]) -> None:
    write_run("r")
    done = mmbal("evaluate", "r", "--card", *option)

    assert done.exit_code == 2
    assert "--card goes with RUN, --data-dir and --json alone" in done.stderr


def test_card_that_fails_names_its_plugin(mmbal: Any, write_run: Any, with_card: Any) -> None:
    def card(runs: Any) -> Any:
        raise ValueError("no luck")

    catalogue = with_card(card, lambda runs: SimpleNamespace())
    write_run("r")

    done = mmbal("evaluate", "r", "--card")
    assert done.exit_code == 2
    assert "plugin 'measures' of mmbal-measures 0.1: hook mmbal_card fails with" in done.stderr
    (problem,) = catalogue.problems
    assert "plugin 'measures' of mmbal-measures 0.1 makes cards, and stays" in str(problem)
