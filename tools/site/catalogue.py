"""The catalogue: what is installed, as Markdown pages made from the registry alone."""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from mmbal.capabilities import CAPABILITIES
from mmbal.cli.console import literal
from mmbal.config.description import OptionDescription, describe
from mmbal.config.resolution import resolve
from mmbal.config.settings import RunSettings
from mmbal.config.writing import to_toml
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import KINDS, Component, Recipe

# What a page tells elsewhere than in its list of facts.
_TOLD = {"kind", "name", "summary", "factory", "options", "settings", "optimizer"}


def page_of(kind: str) -> str:
    """Return where the page of a kind lies, "recipe" counting as one."""
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"catalogue/{plural}.md"


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Return every page of the catalogue, and that of the settings of a run, by place."""
    return {
        "catalogue/index.md": _overview(catalogue),
        page_of("recipe"): _recipes(catalogue),
        **{page_of(kind): _components(catalogue, kind) for kind in KINDS},
        "reference/settings.md": _settings(),
    }


def cell(text: Any) -> str:
    """Return a text as it stands in a cell of a Markdown table, or in a sentence."""
    plain = html.escape(str(text), quote=False)
    return re.sub(r"([|*_\[\]$`\\])", r"\\\1", plain).replace("\n", " ")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of finished cells."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _sentence(summary: str) -> str:
    return f"{cell(summary[:1].upper() + summary[1:])}."


def _overview(catalogue: Catalogue) -> str:
    parts = [
        "# Catalogue",
        "What was installed where this site was built; on your machine, ask `mmbal plugins`.",
    ]
    for kind in ("recipe", *KINDS):
        offers: Sequence[Component | Recipe] = (
            catalogue.recipes() if kind == "recipe" else catalogue.components(kind)
        )
        place = page_of(kind).removeprefix("catalogue/")
        rows = [
            (f"[`{each.name}`]({place}#{each.name})", cell(each.summary),
             cell(catalogue.provenance(each).distribution))
            for each in offers
        ]  # fmt: skip
        title = place.removesuffix(".md").capitalize()
        parts += [f"## {title}", table(("name", "what it is", "distribution"), rows)]
    parts += ["## Which strategy trains which architecture", _compatibility(catalogue)]
    return "\n\n".join(parts) + "\n"


def _compatibility(catalogue: Catalogue) -> str:
    names = catalogue.names("architecture")
    rows = [
        (f"`{strategy}`", *(f"no {', '.join(told[a])}" if told[a] else "yes" for a in names))
        for strategy, told in catalogue.compatibility().items()
    ]
    meaning = [f"- *{name}*: {cell(text)}" for name, text in CAPABILITIES.items()]
    return "\n\n".join(
        [
            "Where an architecture does not offer what a strategy needs, the table says what:",
            table(("strategy", *(f"`{name}`" for name in names)), rows),
            "\n".join(meaning),
        ]
    )


def _components(catalogue: Catalogue, kind: str) -> str:
    title = page_of(kind).removeprefix("catalogue/").removesuffix(".md").capitalize()
    parts = [f"# {title}"]
    for component in catalogue.components(kind):
        parts += [f"## `{component.name}` {{ #{component.name} }}", _sentence(component.summary)]
        parts.append(_facts(catalogue, component))
        options = describe(catalogue.options_class(kind, component.name))
        parts.append(options_table(options) if options else "It has no options.")
    return "\n\n".join(parts) + "\n"


def _recipes(catalogue: Catalogue) -> str:
    parts = ["# Recipes", "What `mmbal run --plugin NAME` runs, with every setting."]
    for recipe in catalogue.recipes():
        resolved = resolve(catalogue, recipe.name, complete=False)
        parts += [
            f"## `{recipe.name}` {{ #{recipe.name} }}",
            _sentence(recipe.summary),
            _facts(catalogue, recipe),
            f"```sh\nmmbal run --plugin {recipe.name}\n```",
            f"```toml\n{to_toml(resolved.config, resolved.origins).strip()}\n```",
        ]
    return "\n\n".join(parts) + "\n"


def _facts(catalogue: Catalogue, offer: Component | Recipe) -> str:
    """Return what an offer says of itself, whatever fields there are, and who offers it."""
    origin = catalogue.provenance(offer)
    lines = [f"- plugin: `{origin.plugin}` of {cell(origin.distribution)}"]
    for field in fields(offer):
        value = getattr(offer, field.name)
        if field.name in _TOLD or not value:
            continue
        told = ", ".join(map(str, value)) if isinstance(value, tuple) else value
        lines.append(f"- {field.name.replace('_', ' ')}: {cell(told)}")
    return "\n".join(lines)


def options_table(options: Sequence[OptionDescription]) -> str:
    """Return a Markdown table of options."""
    rows = [
        (f"`{each.name}`", cell(each.type), cell(each.legal),
         "required" if each.required else cell(literal(each.default)), cell(each.help))
        for each in options
    ]  # fmt: skip
    return table(("option", "type", "legal", "default", "meaning"), rows)


def _settings() -> str:
    parts = [
        "# Settings of a run",
        "Keys of `--set KEY=VALUE` and of a TOML file (`--config`).",
        "Options of components stand in the [catalogue](../catalogue/index.md).",
        options_table(describe(RunSettings)),
    ]
    return "\n\n".join(parts) + "\n"
