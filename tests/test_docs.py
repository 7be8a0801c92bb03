"""What README and every page of the documentation promise: their code runs, their links hold."""

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click
import pytest
import tomlkit
from click.testing import CliRunner
from programs import Forks

from mmbal.cli import cli
from mmbal.config.resolution import resolve
from mmbal.registry.discovery import discover

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
# Their commands are run, not only parsed, in processes: each takes seconds.
RUN = {
    "docs/tutorial.md", "docs/how-to/own-data.md", "docs/how-to/own-network.md",
    "docs/how-to/read-a-record.md",
}  # fmt: skip
FIGURE_BYTES = 200_000


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str

    def commands(self) -> list[list[str]]:
        """Return the words of each `mmbal` command of a shell block."""
        joined = self.text.replace("\\\n", " ")
        found = re.findall(r"^(?:.*? run |srun )?(mmbal .*)$", joined, re.MULTILINE)
        return [shlex.split(command, comments=True)[1:] for command in found]


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the code blocks of a page in some languages, in order."""
    fenced = re.findall(
        r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [Block(*each) for each in fenced if each[0] in languages]


def name_of(value) -> str | None:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else None


def pages_with(*languages: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, *languages)]


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Return an empty folder to be in, where plugins that a page shows are installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def install_plugins(page: Path, folder: Path) -> list[str]:
    """Install what a page shows as a plugin: a module with its hook, and the entry point of it."""
    hooks = [b.text for b in blocks(page, "python") if "@hookimpl" in b.text]
    tables = [b.text for b in blocks(page, "toml") if "entry-points" in b.text]
    for source, table in zip(hooks, tables, strict=True):
        ((name, module),) = tomlkit.parse(table)["project"]["entry-points"]["mmbal"].items()
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
        register(folder, name, module)
    return hooks


def register(folder: Path, name: str, module: str) -> None:
    """Write what tells of an installed plugin."""
    info = folder / f"{module.partition('.')[0]}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mmbal]\n{name} = {module}\n")


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words call and the rest of the words."""
    found: click.Command = cli
    context = click.Context(found)
    while isinstance(found, click.Group) and words:
        inner = found.get_command(context, words[0])
        if inner is None:
            break
        found, words = inner, words[1:]
    return found, words


def plain(words: list[str]) -> list[str]:
    """Return a command without what a shell would do to its output."""
    return words[: words.index(">")] if ">" in words else words


@pytest.mark.parametrize("page", pages_with("sh", "bash"), ids=name_of)
def test_commands_parse(page, there, monkeypatch):
    install_plugins(page, there)
    if page.is_relative_to(ROOT / "examples"):
        for each in ROOT.glob("examples/*/src/*/plugin.py"):
            monkeypatch.syspath_prepend(str(each.parents[1]))
            name = each.parts[-4].removeprefix("mmbal-")
            register(there, name, f"{each.parent.name}.plugin")
    # What a command before these wrote.
    Path("mine.toml").write_text('recipe = "colored-digits"\n', encoding="utf-8")
    for words in (w for block in blocks(page, "sh", "bash") for w in block.commands()):
        if words[0] == "run":
            done = CliRunner().invoke(cli, [*plain(words), "--print-config"])
            assert done.exit_code == 0, f"{words}: {done.output}"
        else:
            found, rest = command_of(plain(words))
            assert rest or not isinstance(found, click.Group) or found.invoke_without_command
            found.make_context(found.name, rest)


def test_readme_names_commands():
    assert sum(len(block.commands()) for block in blocks(ROOT / "README.md", "sh")) > 5


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_mentioned_in_passing_exist(page):
    for mention in re.findall(r"`mmbal ([^`]+)`", page.read_text(encoding="utf-8")):
        found, rest = command_of(shlex.split(mention))
        options = {"--help", *(name for each in found.params for name in each.opts)}
        assert {word for word in rest if word.startswith("-")} <= options, mention
        in_words = rest and rest[0].isupper()  # `mmbal COMMAND --help`
        assert found is not cli or not rest or rest[0].startswith("-") or in_words, mention


@pytest.mark.parametrize("page", pages_with("toml"), ids=name_of)
def test_configurations_resolve(page, tmp_path):
    catalogue = discover()
    for number, block in enumerate(blocks(page, "toml")):
        table = tomlkit.parse(block.text)
        if "project" in table:  # part of a pyproject.toml
            assert table["project"]["entry-points"]["mmbal"]
            continue
        path = tmp_path / f"{number}.toml"
        path.write_text(block.text, encoding="utf-8")
        recipe = None if "recipe" in table else "colored-digits"
        assert resolve(catalogue, recipe, path, []).config.recipe


@pytest.mark.parametrize(
    "page",
    [
        *(page for page in pages_with("python") if name_of(page) not in RUN),
        *(pytest.param(ROOT / name, marks=pytest.mark.deep) for name in sorted(RUN)),
    ],
    ids=name_of,
)
# Keras says so of all data that are not arrays.
@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed")
def test_code_runs_in_order(page, there, monkeypatch, tmp_path_factory):
    """All blocks of a page, one after another, as a reader's notebook would."""
    install_plugins(page, there)
    shell = Forks(there, tmp_path_factory.mktemp("logs"))
    notebook = ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", notebook)
    for number, block in enumerate(blocks(page, "python", "sh", "toml")):
        if block.language == "python":
            # A file, so that tracebacks show lines and TensorFlow finds the source of functions.
            part = there / f"part{number}.py"
            part.write_text(block.text, encoding="utf-8")
            exec(compile(block.text, part, "exec"), vars(notebook))
        elif block.language == "toml":
            if "entry-points" not in block.text:  # a configuration, which pages call mine.toml
                Path("mine.toml").write_text(block.text, encoding="utf-8")
        elif name_of(page) in RUN:
            for words in block.commands():
                done = shell(*plain(words))
                if ">" in words:
                    Path(words[-1]).write_text(done.stdout, encoding="utf-8")


def test_readme_plugin_works_when_installed(there):
    assert install_plugins(ROOT / "README.md", there)

    done = CliRunner().invoke(
        cli,
        ["run", "--plugin", "colored-digits", "--strategy", "only-first", "--epochs", "1",
         "--set", "dataset.train_examples=60", "--set", "dataset.test_fraction=0.05",
         "--out", "run"],
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert "only-first strategy" in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_is_left_to_fill(page):
    text = page.read_text(encoding="utf-8")

    assert not re.findall(r"@@\w+|TODO|FIXME|XXX", text)
    assert text.startswith("# ")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_exist(page):
    text = page.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:mmbal|plugins|examples|tests|benchmarks|tools|docs)/[\w./-]+)`", text)

    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere_in_the_checkout(page):
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", prose)

    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


def test_figures_are_small_and_shown():
    figures = sorted((ROOT / "docs/figures").iterdir())
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert figures
    for figure in figures:
        assert figure.stat().st_size < FIGURE_BYTES
        assert f"figures/{figure.name})" in shown
