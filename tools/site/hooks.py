"""Hooks of MkDocs: the pages that are made, not written, and formulas without scripts."""

import logging
from pathlib import Path
from typing import Any

import catalogue
import click
import reference
from links import outside_pages, relink
from mathml import with_mathml
from mkdocs.structure.files import File, Files

from mmbal.cli import cli
from mmbal.records.schema import schema_markdown
from mmbal.registry.discovery import discover

ROOT = Path(__file__).parents[2]
# Warnings fail a strict build.
_log = logging.getLogger("mkdocs.mmbal")


def made_pages() -> dict[str, str]:
    """Return every page that is made from the registry, the code and files outside of docs/."""
    found = discover()
    for problem in found.problems:
        _log.warning("%s", problem)
    outside = {
        place: relink((ROOT / source).read_text(encoding="utf-8"), source, ROOT, _log.warning)
        for source, place in outside_pages(ROOT).items()
    }
    return {
        **outside,
        **catalogue.pages(found),
        **reference.pages(ROOT),
        "reference/record.md": f"# The record\n\n{schema_markdown()}\n",
    }


def load_commands(group: click.Group) -> None:
    """Import the commands of a group, which it does when they are asked for, and those within."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            load_commands(command)


def on_config(config: Any) -> Any:
    """Give the menus without entries one for each page that is made."""
    load_commands(cli)  # those that a group has already hide the others from mkdocs-click
    readmes = [place for place in outside_pages(ROOT).values() if place.startswith("plugins/")]
    _fill(config.nav, {"Plugins": readmes, "Python": list(reference.pages(ROOT))})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made."""
    for place, text in made_pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to pages, or into paths."""
    if page.file.generated_by:
        return markdown
    return relink(markdown, f"docs/{page.file.src_uri}", ROOT, _log.warning)


def on_page_content(html: str, **_: Any) -> str:
    """Turn formulas into MathML."""
    return with_mathml(html, _log.warning)


def _fill(nav: list[Any], menus: dict[str, list[str]]) -> None:
    for entry in nav:
        if not isinstance(entry, dict):
            continue
        for title, below in entry.items():
            if title in menus and not below:
                entry[title] = [{Path(place).stem: place} for place in menus[title]]
            elif isinstance(below, list):
                _fill(below, menus)
