"""The project itself: its size, its layout, its versions, and what README promises."""

import ast
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import click
import pytest
import tomlkit
from click.testing import CliRunner

import mmbal
from mmbal.cli import cli
from mmbal.registry import builtins, hookspecs
from mmbal.registry.discovery import HOOKS, discover

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
SOURCES = sorted(
    [
        *(ROOT / "mmbal").rglob("*.py"),
        *(ROOT / "plugins").glob("*/src/**/*.py"),
        *(ROOT / "examples").glob("*/src/**/*.py"),
    ]
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOUSE = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "benchmarks",
    "conftest.py", "docs", "examples", "mmbal", "plugins", "pyproject.toml", "tests", "tox.ini",
}  # fmt: skip
MODULE_LINES, FUNCTION_LINES = 300, 40


def project(folder: Path) -> dict:
    return tomlkit.parse((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def plugin_module(folder: Path):
    (name,) = entries(folder)
    return EntryPoint(name, entries(folder)[name], "mmbal").load()


def entries(folder: Path) -> dict:
    """Return the entry points of a plugin without the declaration beside them."""
    table = dict(project(folder)["entry-points"]["mmbal"])
    assert table.pop("requires-mmbal-api") == f"v{mmbal.API_VERSION}"
    return table


def blocks(language: str) -> list[str]:
    """Return the code blocks of README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_modules_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MODULE_LINES

    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            # The command line's arguments are documentation; what counts is the body.
            header = node.body[0].lineno - node.lineno
            assert length - header <= FUNCTION_LINES, f"{node.name} has {length} lines"


def test_no_module_is_a_drawer():
    assert not [path for path in SOURCES if path.stem in ("utils", "helpers", "misc", "common")]


def test_top_level_holds_the_documented_entries():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")

    assert {line.split("/")[0] for line in done.stdout.splitlines()} == HOUSE


def test_every_hook_is_documented_and_implemented_by_a_shipped_plugin():
    specs = {
        name: function for name, function in vars(hookspecs).items() if name.startswith("mmbal_")
    }
    shipped = [plugin_module(folder) for folder in PLUGINS]

    assert set(specs) == set(HOOKS)
    for name, function in specs.items():
        assert function.__doc__, name
        assert any(hasattr(module, name) for module in shipped), name
        assert getattr(builtins, name).__doc__, name


def test_versions_are_in_step():
    versions = {project(folder)["version"] for folder in (ROOT, *PLUGINS, *EXAMPLES)}

    assert versions == {mmbal.__version__}


@pytest.mark.parametrize("folder", PLUGINS, ids=relative)
def test_plugin_is_complete(folder):
    table = project(folder)
    (entry,) = entries(folder)

    assert table["name"] == folder.name
    assert entry in {each.plugin for each in discover().plugins}
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert table["name"] in (folder / "README.md").read_text(encoding="utf-8")
    assert any(each.startswith("mmbal") for each in table["dependencies"])


def test_installed_plugins_have_no_problems():
    assert discover().problems == []


def test_everything_on_offer_can_be_imported():
    catalogue = discover()

    for component in catalogue.components():
        module, _, name = component.factory.partition(":")
        assert callable(getattr(import_module(module), name))
        options = catalogue.options_class(component.kind, component.name)
        assert options.__doc__, component.name
        for field, info in options.model_fields.items():
            assert info.description, f"{component.name}: {field}"
        assert component.summary


def test_every_recipe_resolves_and_names_its_paper():
    from mmbal.config.resolution import resolve

    catalogue = discover()
    for recipe in catalogue.recipes():
        assert resolve(catalogue, recipe.name).config.recipe == recipe.name
        assert recipe.summary
        assert recipe.source


def test_readme_has_no_place_left_to_fill():
    assert not re.findall(r"@@\w*|TODO|FIXME|XXX", README)
    assert len(README.splitlines()) > 50


def commands() -> list[str]:
    """Return the `mmbal` commands in the blocks of README, each once."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    found = [line[line.index("mmbal ") :] for line in lines if re.search(r"(^|run )mmbal ", line)]
    return list(dict.fromkeys(command.split(">")[0].strip() for command in found))


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words call and the rest of the words."""
    found: click.Command = cli
    while isinstance(found, click.Group) and words and words[0] in found.commands:
        found, words = found.commands[words[0]], words[1:]
    return found, words


def test_readme_names_commands():
    assert len(commands()) > 5


@pytest.mark.parametrize("command", commands())
def test_readme_commands_parse(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command)[1:]
    if words[0] == "run":
        # What a command before this one wrote.
        Path("mine.toml").write_text('recipe = "colored-digits"\n', encoding="utf-8")
        done = CliRunner().invoke(cli, [*words, "--print-config"])
        assert done.exit_code == 0, done.output
    else:
        found, rest = command_of(words)
        assert not isinstance(found, click.Group)
        found.make_context(found.name, rest)


def test_commands_mentioned_in_passing_exist():
    for mention in re.findall(r"`mmbal ([^`]+)`", README):
        found, rest = command_of(shlex.split(mention))
        options = {"--help", *(name for each in found.params for name in each.opts)}
        assert {word for word in rest if word.startswith("-")} <= options, mention
        assert found is not cli or not rest or rest[0].startswith("-"), mention


def test_readme_python_runs_in_order(tmp_path):
    """All blocks, one after another in one process, as a reader's notebook would."""
    found = blocks("python")
    assert found
    script = tmp_path / "readme.py"
    script.write_text("\n\n".join(found), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "utilization/" in done.stdout


def test_readme_plugin_works_when_installed(tmp_path):
    source = next(block for block in blocks("python") if "hookimpl" in block)
    entry = tomlkit.parse(next(b for b in blocks("toml") if "entry-points" in b))
    ((name, module),) = entry["project"]["entry-points"]["mmbal"].items()
    (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
    info = tmp_path / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mmbal]\n{name} = {module}\n")

    done = subprocess.run(
        [sys.executable, "-m", "mmbal", "run", "--plugin", "colored-digits", "--strategy",
         "only-first", "--epochs", "1", "--set", "dataset.train_examples=60", "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "only-first strategy" in done.stderr


def test_links_and_paths_of_readme_exist():
    paths = re.findall(r"`((?:mmbal|plugins|examples|tests|benchmarks)/[\w./-]+)`", README)
    paths += [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]

    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("folder", EXAMPLES, ids=relative)
def test_examples_are_complete_and_no_part_of_the_workspace(folder):
    (entry,) = entries(folder)

    assert project(folder)["name"] == folder.name == f"mmbal-{entry}"
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert f"# {folder.name}\n" in (folder / "README.md").read_text(encoding="utf-8")
    assert "uv" not in tomlkit.parse((folder / "pyproject.toml").read_text())["tool"]


def test_there_is_an_example_of_each_kind_with_rules():
    tests = [path.read_text() for each in EXAMPLES for path in each.glob("tests/*.py")]

    for kind in ("dataset", "architecture", "strategy"):
        assert sum(f'@parametrize_with_rules("{kind}", ' in text for text in tests) == 1


@pytest.mark.parametrize("folder", [*PLUGINS, *EXAMPLES], ids=relative)
def test_plugin_supports_the_pythons_that_mmbal_supports(folder):
    assert project(folder)["requires-python"] == project(ROOT)["requires-python"]
