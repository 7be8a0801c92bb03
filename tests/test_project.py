"""The project itself: its size, its layout, its versions, its promises."""

import ast
import re
import subprocess
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import tomlkit
from packaging.requirements import Requirement

import mmbal
from mmbal.registry import hookspecs
from mmbal.registry.discovery import HOOKS, discover

ROOT = Path(__file__).parents[1]
PROJECTS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
SOURCES = sorted(
    [
        *(ROOT / "mmbal").rglob("*.py"),
        *(ROOT / "plugins").glob("*/src/**/*.py"),
        *(ROOT / "examples").glob("*/src/**/*.py"),
    ]
)
HOUSE = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md",
    "benchmarks", "conftest.py", "docs", "examples", "mkdocs.yml", "mmbal", "plugins",
    "pyproject.toml", "tests", "tools", "tox.ini",
}  # fmt: skip
PICKLES = ROOT / "plugins/mmbal-colored-mnist/src/mmbal_colored_mnist/published.py"
WATCH = ROOT / "mmbal/testing/pickles.py"
MODULE_LINES, FUNCTION_LINES = 300, 40


def project(folder: Path) -> dict:
    return tomlkit.parse((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


PLUGINS = [folder for folder in PROJECTS if "entry-points" in project(folder)]
LIBRARIES = [folder for folder in PROJECTS if folder not in PLUGINS]
"""What several plugins share; without components of their own."""


def plugin_module(folder: Path):
    (name,) = entries(folder)
    return EntryPoint(name, entries(folder)[name], "mmbal").load()


def entries(folder: Path) -> dict:
    """Return the entry points of a plugin."""
    return dict(project(folder)["entry-points"]["mmbal"])


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


def test_versions_are_in_step():
    versions = {project(folder)["version"] for folder in (ROOT, *PROJECTS)}

    assert versions == {mmbal.__version__}


def test_distributions_ask_for_one_another_by_the_minor_version():
    ours = {"mmbal", *(folder.name for folder in PROJECTS)}
    step = ".".join(mmbal.__version__.split(".")[:2])
    for folder in (ROOT, *PROJECTS, *EXAMPLES):
        table = tomlkit.parse((folder / "pyproject.toml").read_text(encoding="utf-8"))
        for needed in map(Requirement, requirements({"project": table["project"]})):
            assert needed.name not in ours or str(needed.specifier) == f"=={step}.*", folder


def test_tests_that_need_more_than_pytest_are_run_by_tox_somewhere():
    """They skip themselves where a tool is absent, as in tox's environments of tests."""
    tox = (ROOT / "tox.ini").read_text(encoding="utf-8")
    tools = re.compile(
        r'importorskip\("(bumpversion|check_wheel_contents|mkdocs|mypy)"|which\("ruff"'
    )
    needy = [
        relative(path)
        for path in (ROOT / "tests").rglob("test_*.py")
        if tools.search(path.read_text(encoding="utf-8"))
    ]

    assert len(needy) == 4
    assert [path for path in needy if path not in tox] == []


@pytest.mark.parametrize("folder", PLUGINS, ids=relative)
def test_plugin_is_complete(folder):
    assert set(entries(folder)) <= {each.plugin for each in discover().plugins}


@pytest.mark.parametrize("folder", LIBRARIES, ids=relative)
def test_library_is_used_by_plugins(folder):
    needed = [
        Requirement(each).name for plugin in PLUGINS for each in project(plugin)["dependencies"]
    ]

    assert needed.count(folder.name) > 1


@pytest.mark.parametrize("folder", PROJECTS, ids=relative)
def test_distribution_is_complete(folder):
    table = project(folder)

    assert table["name"] == folder.name
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert table["license"] == "Apache-2.0"
    assert (folder / "src" / folder.name.replace("-", "_") / "py.typed").is_file()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert table["name"] in readme
    assert not re.findall(r"\]\((?!https://|#)", readme), "no index of packages has such links"
    assert any(each.startswith("mmbal") for each in table["dependencies"])


@pytest.mark.parametrize("folder", PROJECTS, ids=relative)
def test_only_public_names_of_other_distributions_are_used(folder):
    """What a package has in its face, and only if the distribution asks for it."""
    packages = {each.name.replace("-", "_") for each in PROJECTS} - {folder.name.replace("-", "_")}
    for path in folder.rglob("*.py"):
        table = tomlkit.parse((folder / "pyproject.toml").read_text(encoding="utf-8"))
        asked = table["project"]["dependencies"]
        if path.is_relative_to(folder / "tests"):
            asked = requirements(table)
        own = {Requirement(each).name.replace("-", "_") for each in asked}
        used = {name for name in imports(path) if name.split(".")[0] in packages}
        assert used <= own, path


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_one_named_place_reads_pickles(path):
    """SECURITY.md promises it. The conformance kit looks out for pickles and reads none."""
    if path == WATCH:
        return
    loaders = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        if isinstance(node, ast.ImportFrom):
            named = {node.module}
        assert not {str(name).split(".")[0] for name in named} & loaders
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and path != PICKLES:
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


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
        given = [(key, "given", "test") for key in recipe.needs]
        for sample in (False, True):
            found = resolve(catalogue, recipe.name, None, given, sample=sample)
            assert found.config.recipe == recipe.name
        assert recipe.summary
        assert recipe.source


def test_the_extra_all_brings_every_plugin_and_uv_finds_them_in_the_checkout():
    whole = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = {Requirement(each).name for each in project(ROOT)["optional-dependencies"]["all"]}

    assert extra == {folder.name for folder in PROJECTS}
    assert set(whole["tool"]["uv"]["sources"]) == extra | {"mmbal"}


def test_everything_asked_for_has_a_newest_version_that_was_tested():
    tables = [tomlkit.parse((each / "pyproject.toml").read_text()) for each in (ROOT, *PROJECTS)]
    uv = tables[0]["tool"]["uv"]
    asked = {each for table in tables for each in requirements(table)}
    builds = {each for table in tables for each in table["build-system"]["requires"]}

    assert names(asked) - names(uv["constraint-dependencies"]) == set()
    assert names(builds) - names(uv["build-constraint-dependencies"]) == set()


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def names(requirements: Iterable[str]) -> set[str]:
    """Return the names of others' distributions."""
    found = {Requirement(each).name for each in requirements}
    return {name for name in found if name.split("-")[0] != "mmbal"}


def requirements(table: dict) -> list[str]:
    """Return all that a distribution, its extras and its groups ask for."""
    extras = table["project"].get("optional-dependencies", {}).values()
    groups = table.get("dependency-groups", {}).values()
    lists = (table["project"]["dependencies"], *extras, *groups)
    return [each for some in lists for each in some if isinstance(each, str)]


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
        assert sum(f'@parametrize_with_rules("{kind}", ' in text for text in tests) >= 1


@pytest.mark.parametrize("folder", [*PROJECTS, *EXAMPLES], ids=relative)
def test_plugin_supports_the_pythons_that_mmbal_supports(folder):
    assert project(folder)["requires-python"] == project(ROOT)["requires-python"]
