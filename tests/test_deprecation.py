"""Old names work, warn at the line that uses them, and say what to use instead."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import mmbal
from mmbal.deprecation import notice
from mmbal.registry import discovery, hookspecs

ROOT = Path(__file__).parents[1]
LIBRARY = """
from mmbal.deprecation import (
    RenamedAttribute, deprecated, renamed_arguments, renamed_methods, renamed_names,
)

WHEN = {"since": "0.2", "removed_in": "0.4"}


@deprecated("measure", **WHEN)
def gauge(x):
    return x + 1


@renamed_arguments(steps="window", **WHEN)
def guided(window=5):
    return window


class Meter:
    tolerance = 1
    threshold = RenamedAttribute("tolerance", **WHEN)


@renamed_methods(on_step_end="after_step", **WHEN)
class Contract:
    def after_step(self):
        return "nothing"


measure = abs
__getattr__ = renamed_names(__name__, {"Gauge": "Meter", "sqrt": "math:sqrt"}, **WHEN)
"""
END = "is deprecated since 0.2 and will be removed in 0.4: use"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Return a module of a distribution that has renamed things."""
    (tmp_path / "renaming_library.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "renaming_library", raising=False)
    return __import__("renaming_library")


def test_function(library):
    with pytest.warns(DeprecationWarning, match=f"^gauge {END} measure$") as told:
        assert library.gauge(1) == 2

    assert told[0].filename == __file__


def test_argument(library):
    with pytest.warns(
        DeprecationWarning, match=f"argument 'steps' of guided {END} 'window'"
    ) as told:
        assert library.guided(steps=3) == 3

    assert told[0].filename == __file__
    assert library.guided(window=4) == library.guided(4) == 4
    with pytest.raises(TypeError, match="guided got 'window' and its old name 'steps'"):
        library.guided(window=1, steps=2)


def test_attribute_is_read_and_set(library):
    meter = library.Meter()

    with pytest.warns(DeprecationWarning, match=f"Meter.threshold {END} tolerance"):
        assert meter.threshold == 1
    with pytest.warns(DeprecationWarning, match="Meter.threshold") as told:
        meter.threshold = 2

    assert told[0].filename == __file__
    assert meter.tolerance == 2
    with pytest.warns(DeprecationWarning, match="Meter.threshold"):
        assert library.Meter.threshold == 1


def test_name_of_a_module(library):
    with pytest.warns(DeprecationWarning, match=f"renaming_library.Gauge {END} renaming_library.M"):
        assert library.Gauge is library.Meter
    with pytest.warns(DeprecationWarning, match="use math.sqrt"):
        assert library.sqrt(4) == 2
    with pytest.raises(AttributeError, match="'renaming_library' has no attribute 'Nothing'"):
        _ = library.Nothing


def test_method_that_a_subclass_overrides(library):
    with pytest.warns(
        DeprecationWarning, match=f"'on_step_end' of .*Mine {END} 'after_step'"
    ) as told:

        class Mine(library.Contract):
            def on_step_end(self):
                return "mine"

    assert told[0].filename == __file__
    assert Mine().after_step() == "mine"
    assert library.Contract().after_step() == "nothing"

    class Newer(library.Contract):
        def after_step(self):
            return "newer"

    assert Newer().after_step() == "newer"


def test_method_of_a_contract_by_its_old_name(library):
    class Newer(library.Contract):
        def after_step(self):
            return "newer"

    for contract, said in ((library.Contract(), "nothing"), (Newer(), "newer")):
        with pytest.warns(
            DeprecationWarning, match=f"^Contract.on_step_end {END} 'after_step'"
        ) as told:
            assert contract.on_step_end() == said
        assert told[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="^Contract.on_step_end"):
        assert library.Contract.on_step_end(Newer()) == "newer"


@pytest.mark.filterwarnings("ignore:.*on_step_end:DeprecationWarning")
def test_super_of_the_old_name(library):
    class Mine(library.Contract):
        def on_step_end(self):
            return f"mine, {super().on_step_end()}"

    class Lower(Mine):
        def on_step_end(self):
            return f"lower, {super().on_step_end()}"

    class Lowest(Lower):
        def after_step(self):
            return f"lowest, {super().after_step()}"

    for contract, said in (
        (Mine(), "mine, nothing"),
        (Lower(), "lower, mine, nothing"),
        (Lowest(), "lowest, lower, mine, nothing"),
    ):
        assert contract.after_step() == contract.on_step_end() == said


def test_a_subclass_for_both_versions_is_left_alone(library):
    class Both(library.Contract):
        def on_step_end(self):
            return "old"

        def after_step(self):
            return f"new, {super().after_step()}"

    assert Both().after_step() == "new, nothing"
    assert Both().on_step_end() == "old"


def test_hook_of_an_installed_plugin(tmp_path, monkeypatch):
    """A hook that was renamed is still called, and its author told."""
    monkeypatch.setattr(hookspecs, "mmbal_parts", old_hook(), raising=False)
    monkeypatch.setitem(discovery.HOOKS, "mmbal_parts", mmbal.Component)
    source = (
        "from mmbal import Component, hookimpl\n\n\n@hookimpl\ndef mmbal_parts():\n"
        "    return [Component('callback', 'mine', 'works', 'x:y')]\n"
    )
    (tmp_path / "plugin_of_yesterday.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint("yesterday", "plugin_of_yesterday", "mmbal")

    with pytest.warns(DeprecationWarning, match=f"hook mmbal_parts {END} mmbal_components") as told:
        catalogue = discovery.discover([entry])

    assert Path(told[0].filename).name == "plugin_of_yesterday.py"
    assert catalogue.get("callback", "mine").summary == "works"
    assert catalogue.problems == []


def old_hook():
    told = notice("hook mmbal_parts", "mmbal_components", since="0.2", removed_in="0.4")

    @hookspecs.hookspec(warn_on_impl=told)
    def mmbal_parts():
        """Return what `mmbal_components` returns."""

    return mmbal_parts


def test_a_plugin_author_sees_the_warning_in_pytest(tmp_path, library):
    test = (
        "import renaming_library\n\n\ndef test_it():\n    assert renaming_library.gauge(1) == 2\n"
    )
    (tmp_path / "test_theirs.py").write_text(test, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_theirs.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert f"DeprecationWarning: gauge {END} measure" in done.stdout


def test_nothing_has_outlived_its_removal():
    """What a version said it would remove is gone when that version is out."""
    due = re.compile(r'removed_in="(\d+)\.(\d+)"')
    now = tuple(int(part) for part in mmbal.__version__.split(".")[:2])
    for path in (*ROOT.glob("mmbal/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")):
        # The example in the docstring of the module that explains it.
        if path.name != "deprecation.py":
            for found in due.findall(path.read_text(encoding="utf-8")):
                assert tuple(map(int, found)) > now, path
