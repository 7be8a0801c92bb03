"""The site: built as it is published, then read."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mmbal import Component, Recipe
from mmbal.capabilities import CAPABILITIES
from mmbal.cli import cli
from mmbal.config.settings import RunSettings
from mmbal.registry import hookspecs
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import KINDS
from mmbal.registry.discovery import discover

pytest.importorskip("mkdocs", reason="the site is built by the group docs, see tox -e docs")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the site, built with warnings as errors and without any network."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "http_proxy": nowhere, "https_proxy": nowhere},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def text_of(page: Path) -> str:
    """Return what a page shows, without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def commands(command: click.Command, path: str):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            yield from commands(each, f"{path} {name}")


@pytest.mark.deep
def test_every_command_and_option_is_documented(site):
    text = text_of(site / "reference/commands.html")

    for path, command in commands(cli, "mmbal"):
        assert path in text
        for parameter in command.params:
            for name in parameter.opts if isinstance(parameter, click.Option) else ():
                assert name in text, f"{path} {name}"
            if isinstance(parameter, click.Option) and parameter.help:
                assert " ".join(parameter.help.split()[:3]) in " ".join(text.split())


@pytest.mark.deep
def test_every_hook_is_documented(site):
    text = text_of(site / "reference/python/mmbal.registry.html")
    hooks = [name for name in vars(hookspecs) if name.startswith("mmbal_")]

    assert hooks
    for name in hooks:
        assert name in text
        assert vars(hookspecs)[name].__doc__.splitlines()[0].replace("`", "") in text


@pytest.mark.deep
def test_everything_installed_stands_in_the_catalogue(site):
    catalogue = discover()
    pages = {kind: (site / f"catalogue/{place}.html").read_text(encoding="utf-8")
             for kind, place in zip(KINDS, ("datasets", "architectures", "strategies",
                                            "optimizers", "schedules", "evaluations",
                                            "callbacks"), strict=True)}  # fmt: skip

    for component in catalogue.components():
        section = pages[component.kind].split(f'id="{component.name}"')[1].split("<h2")[0]
        for option in catalogue.options_class(component.kind, component.name).model_fields:
            assert f"<code>{option}</code>" in section, f"{component.name}: {option}"
        assert html.escape(component.source, quote=False) in section
    recipes = text_of(site / "catalogue/recipes.html")
    assert all(recipe.summary[1:] in recipes for recipe in catalogue.recipes())
    overview = text_of(site / "catalogue/index.html")
    assert all(name in overview for name in [*CAPABILITIES, *catalogue.names("strategy")])


@pytest.mark.deep
def test_every_setting_is_documented(site):
    page = (site / "reference/settings.html").read_text(encoding="utf-8")

    assert all(f"<code>{name}</code>" in page for name in RunSettings.model_fields)


@pytest.mark.deep
def test_what_can_be_imported_from_mmbal_leads_to_its_description(site):
    import mmbal

    page = (site / "reference/python/mmbal.html").read_text(encoding="utf-8")
    for name in mmbal.__all__:
        assert f"<code>{name}</code>" in page
    assert 'href="mmbal.strategies.html#mmbal.strategies.strategy.Strategy"' in page


@pytest.mark.deep
def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]+)"', text)
        loaded += re.findall(r'<link\b[^>]*\bhref="([^"]+)"', text)
        assert [each for each in loaded if "//" in each] == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", sheet.read_text())


@pytest.mark.deep
def test_formulas_are_mathml(site):
    page = (site / "concepts.html").read_text(encoding="utf-8")

    assert page.count("<math") > 20
    assert "arithmatex" not in page


@pytest.mark.deep
def test_links_between_pages_hold(site):
    texts = {page: page.read_text(encoding="utf-8") for page in site.resolve().rglob("*.html")}
    ids = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    for page, text in texts.items():
        for target in set(re.findall(r'href="([^"]+)"', text)):
            path, _, fragment = html.unescape(target).partition("#")
            if "//" in target or path.startswith(("mailto:", "/")):
                continue
            aim = (page.parent / path).resolve() if path else page
            assert aim.exists(), f"{page.relative_to(site)}: {target}"
            if fragment and aim.suffix == ".html" and not fragment.startswith("__"):
                found = map(html.unescape, ids[aim])
                assert fragment in found, f"{page.relative_to(site)}: {target}"


@pytest.mark.usefixtures("_site_modules")
def test_new_plugins_appear_by_themselves():
    from catalogue import pages

    catalogue, mine = Catalogue(), Provenance("mine", "mine 1.0")
    for kind in KINDS:
        catalogue.add(
            Component(kind, f"my-{kind}", "a | b", "m:f", "mmbal.callbacks:PlateauOptions", "Me 1"),
            mine,
        )
    found = pages(catalogue)

    assert "my-strategy" in found["catalogue/index.md"]
    page = found["catalogue/strategies.md"]
    assert "A \\| b." in page
    assert "- source: Me 1" in page
    assert "`cooldown`" in page


@pytest.mark.usefixtures("_site_modules")
def test_an_architecture_that_lacks_something_says_what():
    from catalogue import pages

    catalogue, mine = Catalogue(), Provenance("mine", "mine 1.0")
    catalogue.add(Component("architecture", "net", "n", "m:f", offers=("head",)), mine)
    catalogue.add(Component("strategy", "cuts", "s", "m:f", requires=("isolation",)), mine)

    assert "| `cuts` | no isolation |" in pages(catalogue)["catalogue/index.md"]


@pytest.mark.usefixtures("_site_modules")
def test_recipes_are_shown_with_all_settings():
    from catalogue import pages

    recipes = pages(discover())["catalogue/recipes.md"]
    assert "mmbal run --plugin colored-digits" in recipes
    assert 'name = "guided"' in recipes
    assert isinstance(discover().recipe("colored-digits"), Recipe)


@pytest.mark.usefixtures("_site_modules")
@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("docs/a/b.md", "[x](../../README.md#top)", "[x](../index.md#top)"),
        ("docs/a/b.md", "[x](../c.md)", "[x](../c.md)"),
        ("docs/a/b.md", "[x](https://example.org)", "[x](https://example.org)"),
        ("docs/a.md", "[the steps](../mmbal/options.py)", "the steps (`mmbal/options.py`)"),
        ("docs/a.md", "![x](figures/x.png)", "![x](figures/x.png)"),
        ("README.md", "[x](docs/sweeps.md#a)", "[x](sweeps.md#a)"),
        ("plugins/mmbal-mmtm/README.md", "[x](../../README.md)", "[x](../index.md)"),
    ],
)
def test_links_are_led_to_pages(root, source, text, expected):
    from links import relink

    faults = []
    assert relink(text, source, root, faults.append) == expected
    assert faults == []


@pytest.mark.usefixtures("_site_modules")
def test_a_link_to_nothing_is_told(root):
    from links import relink

    faults = []
    relink("[x](../nowhere.py)", "docs/a.md", root, faults.append)
    assert faults == ["docs/a.md: link to ../nowhere.py, which is not there"]


@pytest.mark.usefixtures("_site_modules")
def test_a_formula_that_cannot_be_shown_is_told():
    from mathml import with_mathml

    faults = []
    page = r'<p><span class="arithmatex">\(a_1 &lt; \arg b\)</span></p>'
    assert "<mo>&#x0003C;</mo>" in with_mathml(page, faults.append)
    assert faults == [r"formula a_1 < \arg b: \arg is unknown to latex2mathml"]
