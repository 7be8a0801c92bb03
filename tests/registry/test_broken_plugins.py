"""Each way a plugin can be broken is one message, and everything else still works."""

from typing import Any

import pytest

COMPONENTS = "@hookimpl\ndef mmbal_components():\n    "
RECIPES = "@hookimpl\ndef mmbal_recipes():\n    "
GOOD = COMPONENTS + "return [Component('callback', 'fine', 'works', 'fine:Fine')]\n"
RECIPE = (
    RECIPES + "return [Recipe('lost', 'a recipe', dataset='nowhere', architecture='nothing', "
    "strategy='vanila', epochs=1, batch_size=1, optimizer={})]\n"
)

CASES = {
    "import error": ("import not_there\n", ["cannot import", "No module named 'not_there'"]),
    "syntax error": ("def broken(:\n", ["cannot import", "SyntaxError"]),
    "exit on import": ("raise SystemExit('bye')\n", ["cannot import", "bye"]),
    "unknown hook": (
        "@hookimpl\ndef mmbal_component():\n    return []\n",
        ["unknown hook 'mmbal_component'", "did you mean 'mmbal_components'?"],
    ),
    "wrong signature": (
        "@hookimpl\ndef mmbal_components(config):\n    return []\n",
        ["wrong signature", "mmbal_components(config)"],
    ),
    "forgotten marker": (
        "def mmbal_components():\n    return []\n",
        ["mmbal_components must be decorated with @mmbal.hookimpl"],
    ),
    "no hook": ("", ["implements none of the hooks mmbal_components, mmbal_recipes"]),
    "hook raises": (
        COMPONENTS + "raise ValueError('no luck')\n",
        ["hook mmbal_components fails with ValueError: no luck"],
    ),
    "hook returns None": (
        COMPONENTS + "pass\n",
        ["hook mmbal_components must return a list of mmbal.Component, received NoneType"],
    ),
    "hook is a generator": (
        COMPONENTS + "yield Component('callback', 'x', '', 'x:x')\n",
        ["must return a list of mmbal.Component, received generator"],
    ),
    "hook returns strings": (
        RECIPES + "return ['nvgesture']\n",
        ["hook mmbal_recipes must return a list of mmbal.Recipe, received one with a str"],
    ),
    "unknown kind": (
        COMPONENTS + "return [Component('datset', 'x', '', 'x:x')]\n",
        ["component 'x': unknown kind 'datset'", "did you mean 'dataset'?"],
    ),
    "illegal name": (
        COMPONENTS + "return [Component('dataset', 'a b', '', 'x:x')]\n",
        ["dataset name 'a b' must consist of letters, digits, '-' and '_'"],
    ),
    "taken name": (
        COMPONENTS + "return [Component('strategy', 'vanilla', '', 'x:x')]\n",
        ["strategy 'vanilla' is already offered by plugin 'builtin' of mmbal 0", "which stays"],
    ),
    "taken plugin name": (GOOD, ["a plugin of this name comes from", "which stays"]),
    "recipe of nothing": (RECIPE, ["recipe 'lost': unknown dataset 'nowhere'"]),
}


def problems_of(listing: dict[str, Any], distribution: str) -> list[str]:
    return [p["problem"] for p in listing["problems"] if p["distribution"] == distribution]


@pytest.mark.parametrize("case", CASES)
def test_broken_plugin_is_one_message_and_stops_no_other(site: Any, case: str) -> None:
    source, expected = CASES[case]
    site.install("mmbal-zz-broken", source, plugin="builtin" if "plugin name" in case else "")
    site.install("mmbal-fine", GOOD)

    listing, stderr = site.listing()

    first = problems_of(listing, "mmbal-zz-broken 1.2")[0]
    for part in expected:
        assert part in first
    assert "\n" not in first
    assert "of mmbal-zz-broken 1.2: " in stderr
    assert "Traceback" not in stderr
    names = {(c["kind"], c["name"]) for c in listing["components"]}
    assert {("callback", "fine"), ("strategy", "vanilla")} <= names
    assert not problems_of(listing, "mmbal-fine 1.2")


def test_duplicate_names_both_plugins_and_the_first_stays(site: Any) -> None:
    site.install("mmbal-aa", GOOD, version="1")
    site.install("mmbal-bb", GOOD, version="2")

    listing, _ = site.listing()

    assert problems_of(listing, "mmbal-bb 2") == [
        "callback 'fine' is already offered by plugin 'mmbal-aa' of mmbal-aa 1, which stays"
    ]
    [fine] = [c for c in listing["components"] if c["name"] == "fine"]
    assert fine["distribution"] == "mmbal-aa 1"


def test_duplicate_recipe_keeps_the_first(site: Any) -> None:
    site.install("mmbal-aa", RECIPE)
    site.install("mmbal-bb", RECIPE)

    listing, _ = site.listing()

    found = problems_of(listing, "mmbal-bb 1.2")
    assert "recipe 'lost' is already offered by plugin 'mmbal-aa'" in found[0]
    assert [r["plugin"] for r in listing["recipes"] if r["name"] == "lost"] == ["mmbal-aa"]


def test_recipe_with_missing_components_reports_each(site: Any) -> None:
    site.install("mmbal-aa", RECIPE)

    listing, _ = site.listing()

    kinds = ["dataset 'nowhere'", "architecture 'nothing'", "strategy 'vanila'"]
    for kind, problem in zip(kinds, problems_of(listing, "mmbal-aa 1.2"), strict=True):
        assert f"recipe 'lost': unknown {kind}" in problem
    assert "did you mean 'vanilla'?" in problem


def test_unknown_name_points_at_broken_plugins(site: Any) -> None:
    site.install("mmbal-broken", "import not_there\n")

    done = site.mmbal("run", "--plugin", "wanted-recipe")

    assert done.returncode == 2
    assert "unknown recipe 'wanted-recipe'" in done.stderr
    assert "mmbal-broken" in done.stderr
    assert "see `mmbal plugins`" in done.stderr
    assert done.stderr.count("\n") == 1
