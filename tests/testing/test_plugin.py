"""The kit as a plugin author meets it in pytest."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from broken_datasets import OFFERS, Sound

from mmbal.errors import MmbalError
from mmbal.testing import parametrize_with_rules

PLUGINS = Path(__file__).parent / "plugins"
HEAD = f"""
import sys
sys.path.append({str(PLUGINS)!r})
from broken_datasets import OFFERS, Sound, Trusting, Twins
from mmbal.testing import parametrize_with_rules
"""


pytest_plugins = ["pytester"]


@pytest.fixture(params=["in this process", pytest.param("in another", marks=pytest.mark.deep)])
def run_pytest(request, pytester):
    """Return a function that runs pytest on a test module and returns what it prints."""
    here = request.param == "in this process"

    def run(text, *arguments):
        pytester.makepyfile(test_mine=HEAD + text)
        words = ["-q", "-p", "no:cacheprovider", *arguments]
        if here:
            return pytester.runpytest_inprocess(*words).stdout.str()
        words = [sys.executable, "-m", "pytest", *words]
        return subprocess.run(words, cwd=pytester.path, capture_output=True, text=True).stdout

    return run


def test_one_item_per_rule_known_failures_and_messages(run_pytest):
    text = """
@parametrize_with_rules("dataset", OFFERS["trusting"])
def test_broken(rule):
    rule()

@parametrize_with_rules("dataset", Trusting, known={"bad-input": "it is a toy"})
def test_known(rule):
    rule()

@parametrize_with_rules("dataset", Sound, known={"loading": "it was broken once"})
def test_mended(rule):
    rule()
"""
    said = run_pytest(text, "-rfxs", "-k", "bad-input or (mended and loading)", "--strict-markers")

    assert re.search(r"2 failed, 1 passed, \d+ deselected, 1 xfailed", said), said
    assert "dataset trusting breaks the rule 'bad-input': `check` finds nothing wrong" in said
    assert "why: a file that is cut short must be named" in said
    assert "fix: raise DataFormatError" in said
    assert "test_known[Trusting-bad-input] - it is a toy" in said
    assert "[XPASS(strict)] it was broken once" in said
    assert "Traceback" not in said


def test_what_the_plugin_raised_is_shown(run_pytest):
    text = """
class Raising(Sound):
    def load(self, data_dir, seed):
        import json
        return json.loads("no disk")

@parametrize_with_rules("dataset", Raising)
def test_raising(rule):
    rule()
"""
    said = run_pytest(text, "-m", "mmbal_rule", "-rs")

    assert "breaks the rule 'loading': it raises JSONDecodeError: Expecting value" in said
    assert re.search(r"fix: mend what is raised at \S+test_mine\.py:\d+; pytest shows", said)
    assert 'json.loads("no disk")' in said
    assert "the rule 'loading' must be kept first" in said


@pytest.mark.parametrize(
    ("kind", "what", "more", "message"),
    [
        ("dataset", Sound, {"known": {"loding": "x"}}, "unknown rule of a dataset 'loding'; did"),
        ("dataset", "nothing", {}, "unknown dataset 'nothing'"),
        ("callbacks", "early-stopping", {}, "there are no rules for it: unknown kind 'callbacks'"),
        ("recipe", "nothing", {}, "unknown recipe 'nothing'"),
        ("recipe", "colored-digits", {"options": {"epochs": 1}}, "is checked as it is, without"),
        ("strategy", OFFERS["sound"], {}, "'sound' is a dataset, it was given as a strategy"),
        ("dataset", Sound, {"options": {"depth": 1}}, "unknown option 'depth'"),
    ],
)
def test_unknown_names_are_told_at_collection(kind, what, more, message):
    with pytest.raises(MmbalError, match=message):
        parametrize_with_rules(kind, what, **more)


def test_nothing_heavy_is_imported_when_pytest_starts():
    script = "import sys, mmbal.testing.pytest_plugin, mmbal.testing; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert not {"keras", "numpy", "tensorflow", "pydantic"} & set(done.stdout.split())
