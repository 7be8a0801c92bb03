"""docs/api-stability.md lists what is there, and nothing that is not."""

import ast
import re
from importlib import import_module
from pathlib import Path

import click
import pytest

import mmbal
from mmbal.capabilities import CAPABILITIES
from mmbal.cli import cli
from mmbal.cli.boundary import INTERRUPTED, PREEMPTED, USER_ERROR
from mmbal.config.settings import RunConfig
from mmbal.data import DatasetSource
from mmbal.networks.network import FusionNetwork
from mmbal.records import schema
from mmbal.registry.discovery import HOOKS
from mmbal.registry.installation import GROUP
from mmbal.scaffold import KINDS, Project
from mmbal.scaffold.rendering import render
from mmbal.strategies.strategy import Strategy

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "api-stability.md").read_text(encoding="utf-8")
MODULES = dict(re.findall(r"^\| `(mmbal\.[\w.]+)` \| (.*) \|$", PAGE, re.MULTILINE))
FLAT = " ".join(PAGE.split())


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def listed(beginning, end="."):
    """Return what is quoted between the words that begin a sentence and its end."""
    return quoted(FLAT.partition(beginning)[2].partition(end)[0])


def own(contract):
    return {
        name
        for name in vars(contract)
        if not name.startswith("_") and callable(vars(contract)[name])
    }


def test_the_package_itself():
    assert listed("## Public names `mmbal`:") == sorted(mmbal.__all__)


def imported(code):
    """Return (module, name) of everything that code takes from mmbal."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and re.match(r"mmbal(\.|$)", node.module or ""):
            found |= {(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(each.name, "") for each in node.names if each.name.startswith("mmbal.")}
    return found


def outside():
    """Return the place and the code of what is written by outsiders, or as if by them."""
    for page in (ROOT / "README.md", *ROOT.glob("docs/**/*.md")):
        text = page.read_text(encoding="utf-8")
        yield page, "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    for path in (*ROOT.glob("examples/**/*.py"), *ROOT.glob("plugins/**/*.py")):
        yield path, path.read_text(encoding="utf-8")
    for kind in KINDS:
        for path, text in render(Project("mine", kind)).items():
            if path.endswith(".py"):
                yield f"{kind}: {path}", text


def test_the_front_rooms():
    """One per kind of author; nothing below them is public."""
    rooms = "callbacks data errors evaluation networks optimizers records replicas strategies"
    rooms = [*rooms.split(), "testing", "training"]
    assert [*MODULES] == [f"mmbal.{room}" for room in rooms]


def test_what_outsiders_use_is_public():
    public = {("mmbal", name) for name in mmbal.__all__}
    public |= {(module, name) for module in MODULES for name in quoted(MODULES[module])}

    used = {each: place for place, code in outside() for each in imported(code)}
    assert {each: place for each, place in used.items() if each not in public} == {}


@pytest.mark.parametrize("module", MODULES)
def test_names_of_modules_are_there(module):
    names = quoted(MODULES[module])

    assert names == sorted(names)
    there = import_module(module)
    assert [name for name in names if not hasattr(there, name)] == []
    assert set(getattr(there, "__all__", names)) == set(names)


def test_hooks_seams_and_methods():
    assert listed("Hooks of a plugin module:", ";") == list(HOOKS)
    assert f"in the group `{GROUP}`" in FLAT
    assert f"`mmbal.API_VERSION` is {mmbal.API_VERSION}." in FLAT
    assert set(listed("Seams of a strategy:")) == own(Strategy)
    assert set(listed("Methods of a network:")) == own(FusionNetwork)
    assert set(listed("Methods of a dataset:")) == own(DatasetSource)
    assert listed("Capabilities:") == list(CAPABILITIES)


def test_commands():
    context = click.Context(cli)
    assert listed("## Command line Commands:", ";") == cli.list_commands(context)
    for group in ("data", "plugins"):
        command = cli.get_command(context, group)
        assert isinstance(command, click.Group)
        names = command.list_commands(context)
        assert listed(f"under `{group}`:", ".").copy()[: len(names)] == names
    for code in (USER_ERROR, PREEMPTED, INTERRUPTED):
        assert str(code) in FLAT.partition("Exit codes:")[2].partition("## ")[0]


def test_keys_of_a_file():
    keys = listed("Top-level keys of a TOML file:")

    assert set(keys) == set(RunConfig.model_fields)


def test_schema_of_records():
    assert f"`record.h5` has format `{schema.FORMAT}`, schema version {schema.VERSION};" in FLAT


def test_keys_of_the_listing(tmp_path):
    from click.testing import CliRunner

    listing = mmbal_json(CliRunner().invoke(cli, ["plugins", "--json"]).stdout)

    assert listed("`mmbal plugins --json` has") == list(listing)


def test_keys_of_a_comparison(write_run):
    from click.testing import CliRunner

    told = mmbal_json(CliRunner().invoke(cli, ["compare", str(write_run()), "--json"]).stdout)

    keys = listed("`mmbal compare --json` has")
    assert keys[: len(told)] == list(told)
    assert set(keys[len(told) :]) == set(told["groups"][0])


def test_keys_of_the_list_of_runs(write_run):
    from click.testing import CliRunner

    (told,) = mmbal_json(CliRunner().invoke(cli, ["runs", str(write_run()), "--json"]).stdout)

    assert listed("`mmbal runs --json` has of every run") == list(told)


def mmbal_json(text):
    import json

    return json.loads(text.splitlines()[-1])
