"""`mmbal plugins`: what is installed, and what can be set of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmbal.cli.boundary import Commands
from mmbal.cli.completion import names_of
from mmbal.cli.console import console, definitions, literal, plain_table, print_json
from mmbal.errors import MmbalError, unknown
from mmbal.registry.component import KINDS, Component, Recipe

if TYPE_CHECKING:
    from mmbal.config.description import OptionDescription
    from mmbal.registry.catalogue import Catalogue

_HEADINGS = {
    "recipe": "recipes (mmbal run NAME)",
    "dataset": "datasets (mmbal run --dataset NAME)",
    "architecture": "architectures (--architecture NAME)",
    "strategy": "strategies (--strategy NAME[+NAME]...)",
}
_BRIEF = ("optimizer", "schedule", "evaluation", "callback")

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


_EVERY = ("recipe", *KINDS)
_kind = click.option(
    "--kind", type=click.Choice(_EVERY), metavar="KIND", help=f"Only {', '.join(_EVERY)}."
)


@click.group(
    cls=Commands,
    lazy={name: f"mmbal.cli.{name}:{name}" for name in ("check", "new")},
    invoke_without_command=True,
)
@_kind
@_json
@click.pass_context
def plugins(ctx: click.Context, kind: str | None, as_json: bool) -> None:
    """List what is installed; show, check or write it."""
    ctx.obj = as_json
    if ctx.invoked_subcommand is None:
        _list(kind, as_json)
    elif kind is not None:
        raise click.UsageError(f"give --kind behind {ctx.invoked_subcommand!r}", ctx)


@plugins.command("list")
@_kind
@_json
@click.pass_obj
def list_(outer: bool, kind: str | None, as_json: bool) -> None:
    """List recipes and components; problems of broken plugins go to stderr."""
    _list(kind, as_json or outer)


@plugins.command()
@click.argument("name", shell_complete=names_of("recipe", *KINDS))
@click.option(
    "--kind",
    type=click.Choice(_EVERY),
    metavar="KIND",
    help="Where a name has more than one meaning.",
)
@_json
@click.pass_obj
def show(outer: bool, name: str, kind: str | None, as_json: bool) -> None:
    """Show what can be set of component NAME, or what recipe NAME runs."""
    from mmbal.registry.discovery import discover

    catalogue = discover()
    offer = _find(catalogue, name, kind)
    if isinstance(offer, Recipe):
        _show_recipe(catalogue, offer, as_json or outer)
    else:
        _show_component(catalogue, offer, as_json or outer)


def _list(kind: str | None, as_json: bool) -> None:
    from mmbal.registry.discovery import discover

    catalogue = discover()
    if as_json:
        print_json(_listing(catalogue, kind))
    else:
        _print_offers(catalogue, kind)
    for problem in catalogue.problems:  # last, where a long table does not hide them
        click.echo(f"problem: {problem}", err=True)


def _print_offers(catalogue: "Catalogue", kind: str | None) -> None:
    """Print what is offered by kind: with summaries, or names alone of what few people choose."""
    sections, brief = [], []
    for each in ("recipe", *KINDS):
        rows = [(row["name"], row["summary"]) for row in _rows(catalogue, each)]
        if kind not in (None, each) or not rows:
            continue
        if kind is None and each in _BRIEF:
            brief.append((f"{each}s", ", ".join(name for name, _ in rows)))
        else:
            sections.append((_HEADINGS.get(each, f"{each}s"), rows))
    sections.append(("also, told more of by --kind KIND", brief))
    if kind in (None, "strategy", "architecture"):
        sections.append(("not every strategy trains every architecture", _unmet(catalogue)))
    shown = [f"{title}:\n{definitions(rows)}" for title, rows in sections if rows]
    click.echo("\n\n".join(shown))


def _unmet(catalogue: "Catalogue") -> list[tuple[str, str]]:
    """Return strategies, and what they need that some architectures do not offer."""
    strategies: dict[str, list[str]] = {}
    for strategy, lacking in catalogue.compatibility().items():
        needs = {need for absent in lacking.values() for need in absent}
        unable = [architecture for architecture, absent in lacking.items() if absent]
        if unable:
            text = f"needs {', '.join(sorted(needs))}: not with {', '.join(unable)}"
            strategies.setdefault(text, []).append(strategy)
    return [(", ".join(names), text) for text, names in strategies.items()]


def _listing(catalogue: "Catalogue", kind: str | None) -> dict[str, Any]:
    import mmbal

    rows = _rows(catalogue, kind)
    return {
        "mmbal": mmbal.__version__,
        "api": mmbal.API_VERSION,
        "plugins": [asdict(plugin) for plugin in catalogue.plugins],
        "components": [row for row in rows if row["kind"] != "recipe"],
        "recipes": [row for row in rows if row["kind"] == "recipe"],
        "compatibility": catalogue.compatibility(),
        "problems": [
            {"plugin": p.plugin, "distribution": p.distribution, "problem": p.problem}
            for p in catalogue.problems
        ],
    }


def _rows(catalogue: "Catalogue", kind: str | None = None) -> list[dict[str, str]]:
    offers: list[Component | Recipe] = [*catalogue.recipes(), *catalogue.components()]
    return [
        {
            "kind": offer.kind,
            "name": offer.name,
            "summary": offer.summary,
            "source": offer.source,
            **asdict(catalogue.provenance(offer)),
        }
        for offer in offers
        if kind in (None, getattr(offer, "kind", "recipe"))
    ]


def _find(catalogue: "Catalogue", name: str, kind: str | None) -> Component | Recipe:
    kinds = [k for k in ("recipe", *KINDS) if name in catalogue.names(k)]
    if kind is None and len(kinds) > 1:
        raise MmbalError(f"{name!r} is a {' and a '.join(kinds)}; say which with --kind")
    if kind is None and not kinds:
        legal = {known for k in ("recipe", *KINDS) for known in catalogue.names(k)}
        raise MmbalError(unknown("recipe or component", name, legal))
    kind = kind or kinds[0]
    return catalogue.recipe(name) if kind == "recipe" else catalogue.get(kind, name)


def _show_component(catalogue: "Catalogue", component: Component, as_json: bool) -> None:
    from mmbal.config.description import describe

    options = describe(catalogue.options_class(component.kind, component.name))
    origin = catalogue.provenance(component)
    if as_json:
        print_json({**asdict(component), **asdict(origin), "options": list(map(asdict, options))})
        return
    out = console()
    out.print(f"{component.kind} {component.name}: {component.summary}", soft_wrap=True)
    out.print(f"plugin {origin.plugin} of {origin.distribution}", soft_wrap=True)
    if component.source:
        out.print(f"source: {component.source}", soft_wrap=True)
    out.print()
    if options:
        _print_options(options)
    else:
        out.print("it has no options")


def _print_options(options: "list[OptionDescription]") -> None:
    table = plain_table("option", "type", "legal", "default", "meaning")
    for each in options:
        default = "required" if each.required else literal(each.default)
        table.add_row(each.name, each.type, each.legal, default, each.help)
    console().print(table)


def _show_recipe(catalogue: "Catalogue", recipe: Recipe, as_json: bool) -> None:
    from mmbal.config.resolution import resolve
    from mmbal.config.writing import to_toml

    origin = catalogue.provenance(recipe)
    command = f"mmbal run {recipe.name}"
    if as_json:
        print_json({**asdict(recipe), **asdict(origin), "command": command})
        return
    out = console()
    out.print(f"recipe {recipe.name}: {recipe.summary}", soft_wrap=True)
    out.print(f"plugin {origin.plugin} of {origin.distribution}", soft_wrap=True)
    facts = {"source": recipe.source, "expected": recipe.expected, "time": recipe.time}
    facts |= {f"needs {key}": advice for key, advice in recipe.needs.items()}
    for label, text in {**facts, "command": command}.items():
        if text:
            out.print(f"{label}: {text}", soft_wrap=True)
    out.print()
    resolved = resolve(catalogue, recipe.name, complete=False)
    out.print(to_toml(resolved.config, resolved.origins), soft_wrap=True, end="")
    if recipe.sample:
        import tomlkit

        out.print("\n# what --sample changes, to run through the dataset's sample")
        out.print(tomlkit.dumps(recipe.sample), soft_wrap=True, end="")
