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
        ("test", "selected", None, False),
        ("train", "last", Path("d"), True),
    ]


def test_folder_that_is_no_run(mmbal: Any, experiment: Any) -> None:
    done = mmbal("evaluate", "r")

    assert done.exit_code == 2
    assert done.stderr == "error: r is no run: it holds no config.toml\n"


def test_unknown_split(mmbal: Any, experiment: Any) -> None:
    done = mmbal("evaluate", "r", "--split", "tset")

    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
