"""The same on a machine that has nothing but Python: an installer brings all dependencies.

By uv, which links what it has at hand; plain pip takes minutes for TensorFlow, so that it soaks:
`tox run -e examples` runs both.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
NAMES = [example.name.removeprefix("mmbal-") for example in EXAMPLES]


# What the examples ask for of ours, which is on no index here.
OURS = ["mmbal-backbones", "mmbal-late"]
FOLDERS = [*(ROOT / "plugins" / name for name in OURS), *EXAMPLES]
WHAT = f"'{ROOT}[testing]' {' '.join(map(str, FOLDERS))}"
# README's commands put it beside the interpreter, tox on the path.
UV = shutil.which("uv", path=os.pathsep.join([sys.prefix + "/bin", os.environ["PATH"]])) or "uv"
INSTALLERS = {
    # From the checkout, whose bounds uv reads there: what is tested here is mmbal.
    "uv": f"{UV} pip install -q --directory {ROOT} --python {{}} {WHAT}",
    "pip": f"pip install {WHAT}",
}
uv, pip = pytest.param("uv", marks=pytest.mark.deep), pytest.param("pip", marks=pytest.mark.soak)


@pytest.fixture(scope="module")
def clean(outside, request):
    """Install mmbal, the examples and what they ask for, and nothing else."""
    name = request.param
    return outside(
        f"clean-{name}",
        lambda environment: environment(INSTALLERS[name].format(environment.python)),
        clean=True,
    )


by_uv_and_pip = pytest.mark.parametrize("clean", [uv, pip], indirect=True)
by_pip = pytest.mark.parametrize("clean", [pip], indirect=True)


@by_uv_and_pip
def test_only_the_examples_are_there(clean):
    listing = json.loads(clean("mmbal plugins --json"))

    assert listing["problems"] == []
    assert [each["plugin"] for each in listing["plugins"]] == ["builtin", *sorted([*NAMES, "late"])]
    assert [each["name"] for each in listing["recipes"]] == ["contour", "paired-digits"]


@by_pip
@pytest.mark.parametrize("name", NAMES)
def test_contract(clean, name):
    told = clean(f"mmbal plugins check {name} --kind {kind_of(clean, name)}")

    assert "failed" not in told


def kind_of(clean, name):
    """Return the kind of a component."""
    listing = json.loads(clean("mmbal plugins --json"))
    (kind,) = [each["kind"] for each in listing["components"] if each["name"] == name]
    return kind


@by_uv_and_pip
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_their_own_tests(clean, example):
    report = clean(f"pytest {example} -q -p no:cacheprovider -k 'not contract'")

    assert re.search(r"^\d+ passed", report, re.MULTILINE)


@by_uv_and_pip
def test_run(clean):
    told = clean("mmbal run --plugin paired-digits --strategy round-robin --epochs 8 --json")

    assert json.loads(told.splitlines()[-1])["test"]["accuracy"] > 0.5


@by_pip
def test_what_is_built_can_be_published(clean):
    """The commands of docs/writing-plugins.md from a new plugin to the upload."""
    page = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
    publish = page.partition("## Publish it")[2]
    (commands,) = re.findall(r"^```shell\n(.*?)^```", publish, re.MULTILINE | re.DOTALL)
    clean("mmbal plugins new my-strategy --kind strategy --author 'Ada Lovelace'")

    told = [clean(command) for command in commands.splitlines()]

    built = sorted(path.name for path in clean.folder.glob("mmbal-my-strategy/dist/*"))
    assert built == ["mmbal_my_strategy-0.1.0-py3-none-any.whl", "mmbal_my_strategy-0.1.0.tar.gz"]
    assert told[-1].count("PASSED") == 2
