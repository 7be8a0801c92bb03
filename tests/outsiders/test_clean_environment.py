"""The same on a machine that has nothing but Python: pip brings all dependencies.

It takes minutes, most of them for TensorFlow: `tox run -e examples`, or `pytest -m soak`.
"""

import json
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
NAMES = [example.name.removeprefix("mmbal-") for example in EXAMPLES]


@pytest.fixture(scope="module")
def clean(outside):
    """Install mmbal and the examples with plain pip and nothing else."""
    install = f"pip install '{ROOT}[testing]' {' '.join(map(str, EXAMPLES))}"
    return outside("clean", lambda environment: environment(install), clean=True)


def test_only_the_examples_are_there(clean):
    listing = json.loads(clean("mmbal plugins --json"))

    assert listing["problems"] == []
    assert [each["plugin"] for each in listing["plugins"]] == ["builtin", *NAMES]
    assert [each["name"] for each in listing["recipes"]] == ["paired-digits"]


@pytest.mark.parametrize("name", NAMES)
def test_contract(clean, name):
    told = clean(f"mmbal plugins check {name} --kind {kind_of(clean, name)}")

    assert "failed" not in told


def kind_of(clean, name):
    """Return the kind of a component."""
    listing = json.loads(clean("mmbal plugins --json"))
    (kind,) = [each["kind"] for each in listing["components"] if each["name"] == name]
    return kind


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_their_own_tests(clean, example):
    report = clean(f"pytest {example} -q -p no:cacheprovider -k 'not contract'")

    assert re.search(r"^\d+ passed", report, re.MULTILINE)


def test_run(clean):
    told = clean("mmbal run --plugin paired-digits --strategy round-robin --epochs 8 --json")

    assert json.loads(told.splitlines()[-1])["test"]["accuracy"] > 0.5


def test_what_is_built_can_be_published(clean):
    """The commands of docs/writing-plugins.md from a new plugin to the upload."""
    page = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
    publish = page.partition("## Publish it")[2]
    (commands,) = re.findall(r"^```shell\n(.*?)^```", publish, re.MULTILINE | re.DOTALL)
    clean("mmbal plugins new my-strategy --kind strategy --author 'Ada <ada@example.org>'")

    told = [clean(command) for command in commands.splitlines()]

    built = sorted(path.name for path in clean.folder.glob("mmbal-my-strategy/dist/*"))
    assert built == ["mmbal_my_strategy-0.1.0-py3-none-any.whl", "mmbal_my_strategy-0.1.0.tar.gz"]
    assert told[-1].count("PASSED") == 2
