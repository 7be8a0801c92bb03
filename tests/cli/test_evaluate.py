"""`mmbal evaluate`."""

import json
import re
from pathlib import Path
from typing import Any


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
