"""Every template gives valid, clean files, whatever the plugin is called."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
import yaml

from mmbal.registry.component import KINDS as COMPONENTS
from mmbal.scaffold import KINDS, Project, write_project
from mmbal.scaffold.rendering import render

ROOT = Path(__file__).parents[2]
SHORT, LONG = "a", "a-name-of-thirty-characters-xx"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write every kind under a short and a long name; return their folder."""
    folder = tmp_path_factory.mktemp("written")
    for kind in KINDS:
        for name in (SHORT, LONG):
            write_project(Project(name, kind), folder / kind / f"mmbal-{name}")
    return folder


def test_every_kind_of_component_can_be_begun_but_those_that_a_page_shows_whole():
    assert set(KINDS) == {*COMPONENTS, "recipe"} - {"optimizer", "schedule"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_is_complete(kind):
    files = render(Project("mine", kind))

    assert {
        ".github/workflows/tests.yml", ".gitignore", "LICENSE", "README.md", "pyproject.toml",
        "src/mmbal_mine/__init__.py", "src/mmbal_mine/plugin.py", "src/mmbal_mine/py.typed",
        "tests/test_plugin.py", "tox.ini",
    } <= set(files)  # fmt: skip
    assert len([path for path in files if path.startswith("tests/")]) == 2
    for path, text in files.items():
        assert "${" not in text.replace("${{", ""), path
        if path.endswith(".py"):
            assert text.count("\n") <= 300, path
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno - node.body[0].lineno < 40, f"{path}: {node.name}"
    assert KINDS[kind].command.replace("NAME", "mine") in files["README.md"]


@pytest.mark.parametrize("kind", KINDS)
def test_metadata(kind):
    author = 'Ada "Countess" Lovelace'
    table = tomlkit.parse(render(Project("mine", kind, author))["pyproject.toml"])
    ours = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    project = table["project"]
    assert project["name"] == "mmbal-mine"
    assert project["license"] == "Apache-2.0"
    assert project["requires-python"] == ours["requires-python"]
    assert project["entry-points"]["mmbal"] == {"mine": "mmbal_mine.plugin"}
    assert project["authors"] == [{"name": author}]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_needed_is_in_step_with_mmbal(kind, monkeypatch):
    monkeypatch.setattr("mmbal.scaffold.rendering.__version__", "3.14.1")
    project = tomlkit.parse(render(Project("mine", kind))["pyproject.toml"])["project"]

    needed = project["dependencies"]
    assert needed[0] == "mmbal==3.14.*"
    tests = project["optional-dependencies"]["test"]
    assert tests[0] == "mmbal[testing]==3.14.*"
    assert all(each.endswith("==3.14.*") for each in [*needed, *tests])
    # README says to install the extra `test` before the command.
    uses_digits = "colored-digits" in KINDS[kind].command
    assert ("mmbal-colored-mnist==3.14.*" in [*needed, *tests]) or not uses_digits


@pytest.mark.parametrize("name", ["dot-product", "polkadot-net"])
def test_a_name_with_dot_in_it(name):
    files = render(Project(name, "dataset"))

    package = f"mmbal_{name.replace('-', '_')}"
    assert f"src/{package}/plugin.py" in files
    assert ".github/workflows/tests.yml" in files
    assert {path.split("/")[1] for path in files if path.startswith("src/")} == {package}


def test_workflow_runs_the_tests_on_every_python():
    flow = yaml.safe_load(render(Project("mine", "recipe"))[".github/workflows/tests.yml"])

    tests = flow["jobs"]["tests"]
    assert tests["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert tests["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"
    assert [step["run"] for step in tests["steps"] if "run" in step][-1] == "pytest"


def test_licence():
    text = render(Project("mine", "recipe"))["LICENSE"]

    assert text == (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.skipif(
    shutil.which("ruff", path=str(Path(sys.executable).parent)) is None,
    reason="ruff belongs to the dependency group `lint`",
)
def test_style(written):
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run([ruff, *command, written], capture_output=True, text=True)

        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_types(written, kind, tmp_path_factory):
    pytest.importorskip("mypy", reason="mypy belongs to the dependency group `lint`")
    folder = written / kind / f"mmbal-{SHORT}"
    cache = tmp_path_factory.getbasetemp() / "mypy"  # one for all kinds

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", cache],
        cwd=folder,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
