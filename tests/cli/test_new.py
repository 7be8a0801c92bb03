"""`mmbal plugins new` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from mmbal.cli import cli
from mmbal.scaffold import KINDS


def test_it_writes_and_says_what_to_do_next(mmbal: Any) -> None:
    done = mmbal("plugins", "new", "mine", "--kind", "strategy")

    assert done.exit_code == 0, done.output
    assert Path("mmbal-mine/src/mmbal_mine/plugin.py").is_file()
    first, *commands = done.stdout.splitlines()
    assert first.startswith("mmbal-mine: ")
    assert commands == [
        "  pip install -e './mmbal-mine[test]'",
        "  pytest mmbal-mine",
        "  mmbal run --plugin colored-digits --strategy mine --epochs 10",
    ]


def test_options(mmbal: Any, tmp_path: Path) -> None:
    folder = tmp_path / "some where"

    done = mmbal("plugins", "new", "mine", "--kind", "recipe", "--directory", folder,
                 "--author", "Ada Lovelace", "--json")  # fmt: skip

    told = json.loads(done.stdout)
    assert told["directory"] == str(folder)
    assert str(folder / "LICENSE") in told["files"]
    assert told["commands"][0] == f"pip install -e '{folder}[test]'"
    metadata = (folder / "pyproject.toml").read_text()
    assert 'authors = [{ name = "Ada Lovelace" }]' in metadata


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("My_Data", "--kind", "dataset"), "received 'My_Data'; did you mean 'my-data'?"),
        (("guided", "--kind", "strategy"), "there is a strategy 'guided' already"),
        (("mine", "--kind", "datset"), "'datset' is not one of 'dataset'"),
        (("mine",), "Missing option '--kind'"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    mmbal: Any, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = mmbal("plugins", "new", *arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_used_folder_is_refused(mmbal: Any, tmp_path: Path) -> None:
    (tmp_path / "mmbal-mine").mkdir()
    (tmp_path / "mmbal-mine/notes.txt").touch()

    done = mmbal("plugins", "new", "mine", "--kind", "dataset")

    assert done.exit_code == 2
    assert "mmbal-mine is a folder that holds something" in done.stderr
    assert len(list(tmp_path.rglob("*"))) == 2


def test_kinds_are_completed() -> None:
    found = ShellComplete(cli, {}, "mmbal", "_MMBAL_COMPLETE").get_completions(
        ["plugins", "new", "mine", "--kind"], ""
    )

    assert [item.value for item in found] == list(KINDS)
