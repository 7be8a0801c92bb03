"""Plugins from templates and those of `examples/`, really installed beside mmbal by pip."""

import json
import re
from pathlib import Path

import pytest

from mmbal.scaffold import KINDS

pytestmark = pytest.mark.timeout(1200)

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))
STRATEGY = ROOT / "examples" / "mmbal-round-robin"
PAGE = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")
OTHERS = ("evaluation", "callback", "recipe")


def blocks(language):
    """Return the code blocks of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(*words):
    """Return the command lines of the page that begin with these words."""
    lines = [line for block in blocks("shell") for line in block.splitlines()]
    return [line for line in lines if line.startswith(words)]


def install(environment):
    """Follow the page as far as installing; add the kinds that it leaves out, and the examples."""
    for command in commands("mmbal plugins new"):
        environment(command)
    for kind in OTHERS:
        environment(f"mmbal plugins new my-{kind} --kind {kind}")
    (editable,) = [line for line in commands("pip install") if "-e" in line]
    environment(editable)
    others = " ".join(f"./mmbal-my-{kind}" for kind in OTHERS)
    environment(f"pip install {others} {' '.join(map(str, EXAMPLES))}")


@pytest.fixture(scope="module")
def installed(outside):
    """Return the environment that all of them are installed in."""
    return outside("installed", install)


def passed(report):
    """Return how many tests passed, of a report of pytest; none may fail."""
    (line,) = re.findall(r"^(\d+ passed.*)$", report, re.MULTILINE)
    assert "failed" not in line
    assert "error" not in line
    return int(line.split()[0])


@pytest.mark.deep
def test_all_are_found_by_their_entry_points(installed):
    listing = json.loads(installed("mmbal plugins --json"))

    assert listing["problems"] == []
    names = ["my-data", "my-network", "my-strategy", *(f"my-{kind}" for kind in OTHERS)]
    names += [example.name.removeprefix("mmbal-") for example in EXAMPLES]
    found = {each["plugin"]: each["distribution"] for each in listing["plugins"]}
    assert {name: found.get(name) for name in names} == {
        name: f"mmbal-{name} 0.1.0" for name in names
    }
    assert listing["compatibility"]["guided"]["cross-attention"] == []


@pytest.mark.deep
def test_every_kind_is_installed(installed):
    written = {kind for line in commands("mmbal plugins new") for kind in KINDS if kind in line}

    assert written | set(OTHERS) == set(KINDS)


@pytest.mark.deep
def test_options_of_a_new_plugin_are_shown(installed):
    (show,) = commands("mmbal plugins show")

    assert "strength" in installed(show)


@pytest.mark.deep
def test_a_name_that_is_installed_now_is_refused(installed):
    with pytest.raises(AssertionError, match="there is a dataset 'my-data' already"):
        installed("mmbal plugins new my-data --kind dataset --directory again")
    assert not (installed.folder / "again").exists()


@pytest.mark.deep
def test_a_new_plugin_passes_its_own_tests(installed):
    (command,) = commands("pytest")

    report = installed(f"{command} -q")

    assert passed(report) > 50  # the rules, and those worked by hand


@pytest.mark.deep
def test_the_other_kinds_and_the_examples_pass_their_own_tests(installed):
    folders = [f"mmbal-my-{kind}/tests" for kind in OTHERS]
    folders += [f"{example}/tests" for example in EXAMPLES]
    quiet = "-q -p no:cacheprovider --import-mode=importlib"

    # The rules for the examples are checked below, from the command line.
    report = installed(f"pytest {' '.join(folders)} {quiet} -k 'not contract'")

    assert passed(report) > 30


@pytest.mark.deep
def test_new_data_network_and_strategy_run_together(installed):
    for command in commands("mmbal run", "mmbal report", "mmbal data"):
        installed(command)

    config = (installed.folder / "first" / "config.toml").read_text(encoding="utf-8")
    for name in ("my-data", "my-network", "my-strategy"):
        assert f'name = "{name}"' in config
        assert f'\n{name} = "mmbal-{name} 0.1.0"' in config
    assert (installed.folder / "first" / "record.h5").is_file()


@pytest.mark.soak  # the plugin's own tests have kept the same rules
def test_check_of_the_page_finds_nothing_wrong(installed):
    (command,) = commands("mmbal plugins check")

    assert "failed" not in installed(command)


@pytest.mark.deep
def test_recipe_evaluation_and_callback_work(installed):
    told = installed(
        "mmbal run --plugin my-recipe --epochs 2 --set evaluations.my-evaluation.bins=10 "
        "--set callbacks.my-callback.accuracy=0.01 --out recipe --json"
    )

    result = json.loads(told.splitlines()[-1])
    assert result["recipe"] == "my-recipe"
    assert result["epochs"] == 2
    assert result["steps"] == 9  # the target is reached in the first epoch, of nine steps
    journal = (installed.folder / "recipe" / "journal.jsonl").read_text(encoding="utf-8")
    scores = [json.loads(line) for line in journal.splitlines() if '"scores"' in line]
    assert scores
    for each in scores:
        assert {"my-evaluation", "my-evaluation/gray"} <= set(each["values"])
        assert 0 <= each["values"]["my-evaluation"] <= 1


@pytest.mark.deep
def test_examples_run_together(installed):
    told = installed(
        "mmbal run --plugin paired-digits --strategy round-robin --epochs 8 "
        "--set strategy.turn=3 --out example --json"
    )

    result = json.loads(told.splitlines()[-1])
    assert result["strategy"] == "round-robin"
    assert result["architecture"] == "cross-attention"
    assert result["steps"] == 8 * -(-1079 // 16)  # 1,797 digits less two fifths
    assert list(result["utilization"]) == ["image", "profile"]
    assert set(result) == public_keys_of_a_run()
    assert result["test"]["accuracy"] > 0.5  # 0.1 is chance


def public_keys_of_a_run():
    """Return the keys that docs/api-stability.md names."""
    page = (ROOT / "docs" / "api-stability.md").read_text(encoding="utf-8")
    sentence = page.partition("`mmbal run --json` has the keys")[2].partition(";")[0]
    return set(re.findall(r"`(\w+)`", sentence))


@pytest.mark.parametrize(
    "example",
    [
        # A strategy's rules start processes; test_beside.py checks two that do not.
        pytest.param(example, marks=getattr(pytest.mark, "soak" if example == STRATEGY else "deep"))
        for example in EXAMPLES
    ],
    ids=lambda path: path.name,
)
def test_examples_keep_the_contract(installed, example):
    told = installed(f"mmbal plugins check {example.name} --json")

    findings = json.loads(told.splitlines()[-1])
    assert findings["ok"] is True
    assert {each["component"] for each in findings["rules"]} == {
        example.name.removeprefix("mmbal-")
    }
